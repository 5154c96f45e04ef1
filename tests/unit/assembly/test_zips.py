import io
import stat
import struct
import zipfile

import pytest

from chalicelib.core import archive
from chalicelib.core.archive import ArchiveLimits, ArchiveRefused
from chalicelib.core.zips import PackageZip
from tests.unit.assembly.zipping import link, zipped


def opened(data: bytes, limits: ArchiveLimits | None = None) -> PackageZip:
    return PackageZip(io.BytesIO(data), limits)


def test_a_good_zip_shows_its_files_with_their_modes() -> None:
    package = opened(
        zipped(
            {
                "bin/": (stat.S_IFDIR | 0o755, b""),
                "bin/run": (stat.S_IFREG | 0o755, b"#!/bin/sh"),
                "bin/go": link("run"),
                "dos.txt": (0, b"text"),
            }
        )
    )
    found = {entry.path: (entry.kind, entry.mode, entry.size) for entry in package.entries}
    assert found == {
        "bin": (archive.DIRECTORY, 0o755, 0),
        "bin/run": (archive.FILE, 0o755, 9),
        "bin/go": (archive.LINK, 0o777, 3),
        "dos.txt": (archive.FILE, 0o644, 4),
    }
    assert b"".join(package.chunks(package.entries[1])) == b"#!/bin/sh"
    assert package.link_target(package.entries[2]) == "run"


@pytest.mark.parametrize(
    ("files", "reason"),
    [
        ({"../evil": b"x"}, "leads out"),
        ({"/etc/evil": b"x"}, "absolute"),
        ({"a\\..\\evil": b"x"}, "character"),
        ({"good.txt\0.sh": b"x"}, "character"),
        ({"x" * 300: b"x"}, "too long"),
        ({"link": link("/etc/passwd")}, "leads out"),
        ({"link": link("../../x")}, "leads out"),
        ({"link": link("here"), "link/x": b"x"}, "lies below"),
        ({"link": (stat.S_IFLNK | 0o777, b"x" * 5000)}, "no usable target"),
        ({"./a": b"x", "a": b"y"}, "twice"),
        ({"dev": (stat.S_IFCHR | 0o666, b"")}, "device"),
        ({"pipe": (stat.S_IFIFO | 0o666, b"")}, "device"),
        ({"dir/": (stat.S_IFDIR | 0o755, b"data")}, "folder with contents"),
    ],
)
def test_a_hostile_zip_is_refused_before_anything_is_unpacked(
    files: dict[str, bytes | tuple[int, bytes]], reason: str
) -> None:
    with pytest.raises(ArchiveRefused, match=reason):
        opened(zipped(files))


@pytest.mark.parametrize("data", [b"", b"not a zip", b"PK\x05\x06" + bytes(18 - 4), zipped({"a": b"x"})[:-5]])
def test_what_is_no_zip_is_refused(data: bytes) -> None:
    with pytest.raises(ArchiveRefused, match="not a zip"):
        opened(data)


def test_an_encrypted_file_is_refused() -> None:
    data = bytearray(zipped({"secret": b"x"}))
    data[data.index(b"PK\x01\x02") + 8] |= 1
    with pytest.raises(ArchiveRefused, match="encrypted"):
        opened(bytes(data))


def test_an_unusual_compression_is_refused() -> None:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w", zipfile.ZIP_LZMA) as target:
        target.writestr("a", b"x" * 100)
    with pytest.raises(ArchiveRefused, match="use deflate"):
        opened(buffer.getvalue())


def test_a_bomb_is_refused_by_its_ratio() -> None:
    data = zipped({f"{i}": bytes(20_000_000) for i in range(6)}, level=9)
    with pytest.raises(ArchiveRefused, match="200 times"):
        opened(data)


def test_a_bomb_of_overlapping_files_is_refused() -> None:
    data = bytearray(zipped({"a": b"x" * 1000, "b": b"y" * 1000}))
    second = data.index(b"PK\x01\x02", data.index(b"PK\x01\x02") + 1)
    data[second + 42 : second + 46] = struct.pack("<L", 0)
    with pytest.raises(ArchiveRefused, match="overlaps"):
        opened(bytes(data))


def test_too_many_files_are_refused() -> None:
    data = zipped({str(i): b"" for i in range(11)})
    with pytest.raises(ArchiveRefused, match="too many files"):
        opened(data, ArchiveLimits(files=10))


def test_a_huge_table_of_contents_is_refused_without_being_read() -> None:
    end = b"PK\x05\x06" + struct.pack("<4H2LH", 0, 0, 65535, 65535, 40 * 1024**2, 0, 0)
    with pytest.raises(ArchiveRefused, match="table of contents"):
        opened(bytes(40 * 1024**2) + end)


def test_a_file_that_lies_about_its_size_is_refused_when_read() -> None:
    data = bytearray(zipped({"a": b"x" * 100}))
    entry = data.index(b"PK\x01\x02")
    data[entry + 24 : entry + 28] = struct.pack("<L", 200)
    package = opened(bytes(data))
    with pytest.raises(ArchiveRefused, match="damaged"):
        list(package.chunks(package.entries[0]))


def test_a_file_with_wrong_bytes_is_refused_when_read() -> None:
    data = bytearray(zipped({"a": bytes(range(256)) * 10}, level=0))
    data[data.index(bytes(range(200)))] ^= 1
    package = opened(bytes(data))
    with pytest.raises(ArchiveRefused, match="damaged"):
        list(package.chunks(package.entries[0]))
