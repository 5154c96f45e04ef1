"""Droplets onto this host: downloaded once, checked, kept within bounds, unpacked with care."""

import asyncio
import hashlib
import io
import os
import shutil
import tarfile
from pathlib import Path

import pytest

from dea_agent.downloads import DownloadError
from dea_agent.droplet_cache import DropletCache
from dea_agent.unpack import EARLIEST_S, LATEST_S, UnpackError, unpack


class Blobs:
    """What is at each URL; waits for ``gate`` and counts."""

    def __init__(self, *contents: bytes) -> None:
        self.by_url = {digest(content): content for content in contents}
        self.asked: list[str] = []
        self.gate = asyncio.Event()
        self.gate.set()

    async def fetch(self, url: str, path: Path) -> None:
        self.asked.append(url)
        await self.gate.wait()
        if url not in self.by_url:
            raise DownloadError("no such thing")
        await asyncio.to_thread(path.write_bytes, self.by_url[url])


def digest(content: bytes) -> str:
    return f"sha256:{hashlib.sha256(content).hexdigest()}"


async def use(cache: DropletCache, name: str, url: str | None = None) -> bytes:
    async with cache.droplet(name, url or name) as path:
        return path.read_bytes()


def test_starts_that_wait_share_a_download_and_who_gives_up_disturbs_nobody(tmp_path: Path) -> None:
    async def scenario() -> None:
        blobs = Blobs(b"one")
        blobs.gate.clear()
        cache = DropletCache(tmp_path, 100, blobs.fetch)
        users = [asyncio.create_task(use(cache, digest(b"one"))) for _ in range(3)]
        await asyncio.sleep(0)
        users[0].cancel()
        blobs.gate.set()
        assert await asyncio.gather(*users[1:]) == [b"one", b"one"]
        assert await use(cache, digest(b"one")) == b"one"
        assert len(blobs.asked) == 1

    asyncio.run(scenario())


def test_a_failed_download_wakes_all_and_the_next_tries_again(tmp_path: Path) -> None:
    async def scenario() -> None:
        blobs = Blobs()
        cache = DropletCache(tmp_path, 100, blobs.fetch)
        results = await asyncio.gather(*(use(cache, digest(b"late")) for _ in range(3)), return_exceptions=True)
        assert all(isinstance(result, DownloadError) for result in results)
        blobs.by_url[digest(b"late")] = b"late"
        assert await use(cache, digest(b"late")) == b"late"

    asyncio.run(scenario())


def test_content_that_does_not_have_its_digest_is_not_kept(tmp_path: Path) -> None:
    async def scenario() -> None:
        cache = DropletCache(tmp_path, 100, Blobs(b"other").fetch)
        with pytest.raises(DownloadError, match="digest"):
            await use(cache, digest(b"one"), digest(b"other"))

    asyncio.run(scenario())
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("name", ["", "sha256:", "md5:" + "0" * 64, "sha256:../../../etc/passwd", "sha256:" + "G" * 64])
def test_what_is_no_digest_names_no_file(tmp_path: Path, name: str) -> None:
    async def scenario() -> None:
        with pytest.raises(DownloadError):
            await use(DropletCache(tmp_path, 100, Blobs().fetch), name)

    asyncio.run(scenario())


def test_the_longest_unused_go_first_and_never_what_is_in_use(tmp_path: Path) -> None:
    async def scenario() -> None:
        contents = [bytes([65 + i]) * 40 for i in range(3)]
        cache = DropletCache(tmp_path, 100, Blobs(*contents).fetch)
        async with cache.droplet(digest(contents[0]), digest(contents[0])) as first:
            for age, content in enumerate(contents[1:]):
                await use(cache, digest(content))
                os.utime(tmp_path / digest(content)[7:], (age, age))
            os.utime(first, (0, 0))
            await use(cache, digest(contents[2]))
            assert first.exists()
            assert not (tmp_path / digest(contents[1])[7:]).exists()

    asyncio.run(scenario())


def a_tar(*members: tuple[tarfile.TarInfo, bytes]) -> bytes:
    out = io.BytesIO()
    with tarfile.open(fileobj=out, mode="w:gz") as tar:
        for info, content in members:
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return out.getvalue()


def member(name: str, content: bytes = b"", kind: bytes = tarfile.REGTYPE, link: str = "", mode: int = 0o644):  # type: ignore[no-untyped-def]
    info = tarfile.TarInfo(name)
    info.type, info.linkname, info.mode = kind, link, mode
    return info, content


def unpacked(tmp_path: Path, *members: tuple[tarfile.TarInfo, bytes], most: int = 1024**2) -> Path:
    archive, folder = tmp_path / "droplet.tgz", tmp_path / "out"
    archive.write_bytes(a_tar(*members))
    folder.mkdir()
    unpack(archive, folder, most)
    return folder


def test_a_droplet_comes_out_as_it_was_packed(tmp_path: Path) -> None:
    folder = unpacked(
        tmp_path,
        member("./", kind=tarfile.DIRTYPE),
        member("./app", kind=tarfile.DIRTYPE, mode=0o755),
        member("./app/run", b"#!/bin/sh\n", mode=0o4755),
        member("./app/deep/er/file", b"text", mode=0o600),
        member("./app/link", kind=tarfile.SYMTYPE, link="deep/er/file"),
        member("./deps/0/up", kind=tarfile.SYMTYPE, link="../../app/run"),
        member("./app/hard", kind=tarfile.LNKTYPE, link="./app/run"),
    )
    assert (folder / "app/run").stat().st_mode & 0o7777 == 0o755
    assert (folder / "app/link").read_bytes() == b"text"
    assert (folder / "deps/0/up").read_bytes() == (folder / "app/hard").read_bytes() == b"#!/bin/sh\n"


def test_an_absolute_link_comes_out_unfollowed(tmp_path: Path) -> None:
    (tmp_path / "python").write_text("the host's")
    folder = unpacked(tmp_path, member("./deps/0/bin/python", kind=tarfile.SYMTYPE, link=f"{tmp_path}/python"))
    assert os.readlink(folder / "deps/0/bin/python") == f"{tmp_path}/python"
    assert (tmp_path / "python").read_text() == "the host's"


def test_times_come_out_as_they_were_packed_within_reason(tmp_path: Path) -> None:
    members = [
        member("app/lib", kind=tarfile.DIRTYPE, mode=0o755),
        member("app/lib/mod.py", b"x = 1"),
        member("app/ancient", b"x"),
        member("app/future", b"x"),
        member("app/lib/last", b"x"),
    ]
    for (info, _), mtime in zip(members, (1_500_000_000, 1_600_000_000, -5, 2**40, 1_700_000_000), strict=True):
        info.mtime = mtime
    folder = unpacked(tmp_path, *members)
    times = {name: (folder / "app" / name).stat().st_mtime for name in ("lib", "lib/mod.py", "ancient", "future")}
    assert times == {
        "lib": 1_500_000_000,
        "lib/mod.py": 1_600_000_000,
        "ancient": EARLIEST_S,
        "future": LATEST_S,
    }


#: A folder of the host's that no hostile droplet may reach.
AWAY = "/var/tmp/zf-test-away"

HOSTILE = {
    "a name that climbs": [member("../evil", b"x")],
    "an absolute name": [member("/tmp/evil", b"x")],
    "a link that climbs": [member("app/l", kind=tarfile.SYMTYPE, link="../../etc")],
    "an absolute link where the agent makes folders": [member("app", kind=tarfile.SYMTYPE, link="/etc")],
    "a link to an absolute link there": [
        member("x/l", kind=tarfile.SYMTYPE, link="/etc"),
        member("app", kind=tarfile.SYMTYPE, link="x/l"),
    ],
    "a link to nothing": [member("app/l", kind=tarfile.SYMTYPE, link="")],
    "a file through an absolute link": [member("a/l", kind=tarfile.SYMTYPE, link=AWAY), member("a/l/x", b"x")],
    "a file over an absolute link": [member("a/l", kind=tarfile.SYMTYPE, link=AWAY + "/f"), member("a/l", b"x")],
    "the same by another name": [member("a/l", kind=tarfile.SYMTYPE, link=AWAY + "/f"), member("./a//./l", b"x")],
    "a folder over an absolute link": [
        member("a/l", kind=tarfile.SYMTYPE, link=AWAY),
        member("a/l", kind=tarfile.DIRTYPE, mode=0o777),
    ],
    "a link below an absolute link": [
        member("a/l", kind=tarfile.SYMTYPE, link=AWAY),
        member("a/l/x", kind=tarfile.SYMTYPE, link="y"),
    ],
    "a hard link to an absolute one": [
        member("a/l", kind=tarfile.SYMTYPE, link=AWAY + "/f"),
        member("h", kind=tarfile.LNKTYPE, link="a/l"),
    ],
    "a hard link through an absolute one": [
        member("a/l", kind=tarfile.SYMTYPE, link=AWAY),
        member("h", kind=tarfile.LNKTYPE, link="a/l/f"),
    ],
    "a hard link over an absolute link": [
        member("f", b"x"),
        member("a/l", kind=tarfile.SYMTYPE, link=AWAY + "/f"),
        member("a/l", kind=tarfile.LNKTYPE, link="f"),
    ],
    "a file through a link": [member("a/l", kind=tarfile.SYMTYPE, link="../b"), member("a/l/x", b"x")],
    "a hard link out": [member("h", kind=tarfile.LNKTYPE, link="../../etc/passwd")],
    "a hard link to a link": [member("l", kind=tarfile.SYMTYPE, link="x"), member("h", kind=tarfile.LNKTYPE, link="l")],
    "a file over a link": [member("l", kind=tarfile.SYMTYPE, link="x"), member("l", b"through")],
    "a device": [member("dev", kind=tarfile.CHRTYPE)],
    "a pipe": [member("pipe", kind=tarfile.FIFOTYPE)],
    "too much": [member("big", b"x" * (1024**2 + 1))],
}


@pytest.mark.parametrize("members", HOSTILE.values(), ids=HOSTILE.keys())
def test_hostile_droplets_are_refused_and_nothing_leaves_the_folder(tmp_path: Path, members) -> None:  # type: ignore[no-untyped-def]
    away = Path(AWAY)
    away.mkdir(exist_ok=True)
    away.chmod(0o700)
    (away / "f").write_text("the host's")
    try:
        with pytest.raises(UnpackError):
            unpacked(tmp_path, *members)
        assert (away / "f").read_text() == "the host's"
        assert ((away / "f").stat().st_nlink, away.stat().st_mode & 0o777) == (1, 0o700)
        assert [path.name for path in away.iterdir()] == ["f"]
    finally:
        shutil.rmtree(away)
    assert {path.name for path in tmp_path.iterdir()} == {"droplet.tgz", "out"}


@pytest.mark.parametrize(
    "content",
    [b"", b"no archive", b"\x1f\x8b", a_tar(member("a", b"x" * 5000))[:-40]],
    ids=["empty", "text", "magic", "cut"],
)
def test_what_is_no_archive_is_said_to_be_none(tmp_path: Path, content: bytes) -> None:
    (tmp_path / "droplet.tgz").write_bytes(content)
    (tmp_path / "out").mkdir()
    with pytest.raises(UnpackError):
        unpack(tmp_path / "droplet.tgz", tmp_path / "out", 1024**2)
