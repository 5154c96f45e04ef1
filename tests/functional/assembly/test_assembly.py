import hashlib
import io
import stat
import zipfile

import pytest

from chalicelib.adapters.blobs import Blobs
from chalicelib.core.archive import ArchiveLimits, ArchiveRefused
from chalicelib.services.assembly import POOL_MIN_BYTES, PoolFile, assemble, package_key, pool_key
from tests.unit.assembly.zipping import link, zipped

BIG = b"big" * POOL_MIN_BYTES


def sha1(data: bytes) -> str:
    return hashlib.sha1(data).hexdigest()


def package(blobs: Blobs, guid: str = "g") -> zipfile.ZipFile:
    return zipfile.ZipFile(io.BytesIO(blobs.get_bytes(package_key(guid))))


def test_an_upload_becomes_a_package_with_modes_and_links_kept(blobs: Blobs) -> None:
    files = {
        "bin/run": (stat.S_IFREG | 0o755, b"#!/bin/sh"),
        "l": link("bin/run"),
        "empty/": (stat.S_IFDIR | 0o750, b""),
    }
    blobs.put_bytes("uploads/u", zipped(files))
    made = assemble(blobs, "g", "uploads/u", [])
    data = blobs.get_bytes(package_key("g"))
    assert (made.sha256, made.size, made.files) == (hashlib.sha256(data).hexdigest(), len(data), 3)
    assert package(blobs).testzip() is None
    modes = {info.filename: info.external_attr >> 16 for info in package(blobs).infolist()}
    assert modes == {"bin/run": 0o100755, "l": 0o120777, "empty/": 0o40750}
    assert package(blobs).read("l") == b"bin/run"


def test_files_of_the_pools_sizes_are_kept_and_come_back(blobs: Blobs) -> None:
    small = b"x" * (POOL_MIN_BYTES - 1)
    blobs.put_bytes("uploads/u", zipped({"big": BIG, "again": BIG, "small": small}))
    made = assemble(blobs, "one", "uploads/u", [])
    assert made.pooled in (1, 2)  # two alike may be pooled at the same time
    assert blobs.get_bytes(pool_key(sha1(BIG), len(BIG))) == BIG
    assert not blobs.exists(pool_key(sha1(small), len(small)))

    blobs.put_bytes("uploads/v", zipped({"new": b"n"}))
    assemble(blobs, "two", "uploads/v", [PoolFile("lib/big", sha1(BIG), len(BIG), 0o700)])
    assert package(blobs, "two").namelist() == ["lib/big", "new"]
    assert package(blobs, "two").read("lib/big") == BIG
    assert package(blobs, "two").getinfo("lib/big").external_attr >> 16 == 0o100700


def test_a_package_can_come_from_the_pool_alone(blobs: Blobs) -> None:
    blobs.put_bytes(pool_key(sha1(BIG), len(BIG)), BIG)
    made = assemble(blobs, "g", None, [PoolFile("a", sha1(BIG), len(BIG))])
    assert made.files == 1
    assert package(blobs).read("a") == BIG


def test_many_files_of_the_pool_small_and_large_come_each_in_its_place(blobs: Blobs) -> None:
    contents = [bytes([i]) * (POOL_MIN_BYTES + i) for i in range(40)] + [b"L" * 3_000_000]
    for data in contents:
        blobs.put_bytes(pool_key(sha1(data), len(data)), data)
    files = {f"dir{i % 7}/file{i}": data for i, data in enumerate(contents)}
    assemble(blobs, "g", None, [PoolFile(path, sha1(data), len(data)) for path, data in files.items()])
    assert {name: package(blobs).read(name) for name in package(blobs).namelist()} == files


def test_assembling_twice_makes_the_same_package(blobs: Blobs) -> None:
    blobs.put_bytes("uploads/u", zipped({"b": b"1", "a": BIG}))
    first = assemble(blobs, "g", "uploads/u", [])
    second = assemble(blobs, "g", "uploads/u", [])
    assert first.sha256 == second.sha256
    assert second.pooled == 0


@pytest.mark.parametrize(
    ("resource", "reason"),
    [
        (PoolFile("gone", "0" * 40, 9), "not in the resource pool"),
        (PoolFile("wrong", "1" * 40, 3), "damaged in the resource pool"),
        (PoolFile("sent", sha1(BIG), len(BIG)), "twice"),
        (PoolFile("sent/below", sha1(BIG), len(BIG)), "lies below"),
        (PoolFile("huge", "2" * 40, 5 * 1024**3), "unpacks to"),
    ],
)
def test_a_refused_package_leaves_nothing(blobs: Blobs, resource: PoolFile, reason: str) -> None:
    blobs.put_bytes(pool_key("1" * 40, 3), b"bad")
    blobs.put_bytes(pool_key(sha1(BIG), len(BIG)), BIG)
    blobs.put_bytes("uploads/u", zipped({"sent": b"x"}))
    with pytest.raises(ArchiveRefused, match=reason):
        assemble(blobs, "g", "uploads/u", [resource])
    assert not blobs.exists(package_key("g"))


def test_a_package_without_files_is_refused(blobs: Blobs) -> None:
    blobs.put_bytes("uploads/u", zipped({"d/": (stat.S_IFDIR | 0o755, b"")}))
    for upload in (None, "uploads/u"):
        with pytest.raises(ArchiveRefused, match="no files"):
            assemble(blobs, "g", upload, [])


def test_the_files_of_upload_and_pool_are_counted_together(blobs: Blobs) -> None:
    blobs.put_bytes("uploads/u", zipped({"a": b"x", "b": b"x"}))
    with pytest.raises(ArchiveRefused, match="too many files: 3"):
        assemble(blobs, "g", "uploads/u", [PoolFile("c", sha1(BIG), len(BIG))], ArchiveLimits(files=2))


def test_an_upload_that_is_gone_is_told_apart_from_a_bad_one(blobs: Blobs) -> None:
    with pytest.raises(KeyError):
        assemble(blobs, "g", "uploads/none", [])


@pytest.mark.parametrize(
    "data",
    [
        {"checksum": {"value": "a" * 40}, "size_in_bytes": 7, "path": "x", "mode": "755"},
        {"sha1": "a" * 40, "size": 7, "fn": "./x", "mode": "0755"},
    ],
)
def test_a_resource_is_read_in_both_versions_of_the_api(data: dict[str, object]) -> None:
    assert PoolFile.read(data) == PoolFile("x", "a" * 40, 7, 0o755)


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"path": None}, "no path"),
        ({"path": "../x"}, "leads out"),
        ({"sha1": "zz"}, "no SHA-1"),
        ({"sha1": 5}, "no SHA-1"),
        ({"size": "7"}, "no size"),
        ({"size": True}, "no size"),
        ({"size": -1}, "no size"),
        ({"mode": "rwx"}, "octal"),
        ({"mode": 493}, "octal"),
    ],
)
def test_a_resource_with_a_wrong_field_is_refused(change: dict[str, object], reason: str) -> None:
    with pytest.raises(ArchiveRefused, match=reason):
        PoolFile.read({"sha1": "a" * 40, "size": 7, "path": "x"} | change)
