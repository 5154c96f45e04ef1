"""A droplet from outside is read once, in bounded memory, and refused when no host could unpack it."""

import gzip
import io
import struct
import tarfile

import pytest

from chalicelib.core.archive import ArchiveLimits, ArchiveRefused
from chalicelib.core.droplets import PROCFILE, examine


def packed(*members: tuple[str, bytes]) -> io.BytesIO:
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in members:
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer


def refused(file: io.BytesIO, limits: ArchiveLimits | None = None) -> str:
    with pytest.raises(ArchiveRefused) as refusal:
        examine(file, limits or ArchiveLimits())
    return str(refusal.value)


def test_a_droplet_tells_of_itself() -> None:
    found = examine(packed(("./app/x", b"1"), ("./app/Procfile", b"web: x"), ("./profile.d/a.sh", b"")))
    assert (found.files, found.texts) == (3, {PROCFILE: "web: x"})


def test_limits_are_kept_while_it_is_read() -> None:
    assert "more than 2 files" in refused(packed(*((f"app/{i}", b"") for i in range(3))), ArchiveLimits(files=2))
    assert "unpacks to more" in refused(packed(("app/x", b"x" * 5000)), ArchiveLimits(unpacked_bytes=4000))
    bomb = packed(("app/x", b"\0" * 3_000_000))
    assert "times its size" in refused(bomb, ArchiveLimits(ratio_from_bytes=1_000_000, ratio=20))
    assert "are allowed" in refused(packed(("app/x", b"x")), ArchiveLimits(packed_bytes=10))


def test_a_header_that_would_fill_the_memory_is_not_read() -> None:
    info = tarfile.TarInfo("pax")
    info.type, info.size = tarfile.XHDTYPE, 3 * 1024**3
    file = io.BytesIO(gzip.compress(info.tobuf(tarfile.USTAR_FORMAT) + b"\0" * 4096))
    assert "too large" in refused(file)


def test_names_that_are_there_twice_or_below_a_file_are_refused() -> None:
    assert "there twice" in refused(packed(("app/x", b""), ("app/x", b"")))
    assert "lies below" in refused(packed(("app/x", b""), ("app/x/y", b"")))


@pytest.mark.parametrize(
    "data", [b"", b"\x1f\x8b", gzip.compress(b""), gzip.compress(struct.pack("<600B", *[7] * 600))]
)
def test_what_is_no_archive_is_refused(data: bytes) -> None:
    assert refused(io.BytesIO(data))
