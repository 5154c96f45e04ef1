"""Puts an app's package together: what the client uploaded plus what the resource pool already has, as one zip.

Everything streams: the upload comes to a temporary file (a zip's table of contents is at its end), each file
goes through in chunks, and the new zip leaves as a multipart upload while it is being written. Assembling again
gives the same package, so the job that calls this may be repeated; it deletes the upload when its result is safe.
"""

import hashlib
import re
import stat
import tempfile
import zipfile
import zlib
from collections.abc import Iterable, Iterator, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from itertools import chain, islice
from typing import Any, BinaryIO, Protocol

from chalicelib.adapters.blobs import BlobInfo
from chalicelib.contracts.frozen import frozen
from chalicelib.core import archive
from chalicelib.core.archive import ArchiveLimits, ArchiveRefused, Entry, quoted
from chalicelib.core.zips import PackageZip

#: The pool keeps files of these sizes, in bytes: smaller ones are cheaper to send than to ask for.
POOL_MIN_BYTES = 64 * 1024
POOL_MAX_BYTES = 512 * 1024**2

#: Files hashed and pooled at once. Each holds at most two parts of a multipart upload in memory.
POOL_THREADS = 4

#: Pool files up to this size (bytes) are fetched ahead, so many at once: each fetch is a round trip to S3.
AHEAD_MAX_BYTES = 1024**2
AHEAD_FILES = 16

#: Fast, because most of what is big in an app is compressed already.
DEFLATE_LEVEL = 1

#: What packs to no less than this share is stored as it is; told by the beginning of a file, so many bytes of it.
#: Images, archives and models do not pack, and trying took most of the time that such a package took.
STORED_ABOVE, SAMPLE_BYTES = 0.95, 64 * 1024

#: Every file gets the same time, so that the same app makes the same package.
EPOCH = (1980, 1, 1, 0, 0, 0)


class BlobStore(Protocol):
    """What assembly needs of ``adapters.blobs.Blobs``. ``iterate`` raises KeyError for a key that is not there."""

    def exists(self, key: str) -> bool: ...
    def iterate(self, key: str) -> Iterator[bytes]: ...
    def head(self, key: str) -> BlobInfo | None: ...
    def download_to(self, key: str, file: BinaryIO) -> int: ...
    def upload_from(self, key: str, source: BinaryIO | Iterable[bytes]) -> int: ...


@frozen
class PoolFile:
    """A file of the app that the client did not send, because the pool has it. size in bytes; mode: permissions."""

    path: str
    sha1: str
    size: int
    mode: int = 0o644

    @staticmethod
    def read(data: Mapping[str, Any]) -> "PoolFile":
        """From a client's JSON, v3 (checksum.value, size_in_bytes) or v2 (sha1, size). Raises ArchiveRefused."""
        checksum = data.get("checksum")
        sha1 = checksum.get("value") if isinstance(checksum, Mapping) else data.get("sha1")
        size, path = data.get("size_in_bytes", data.get("size")), data.get("path", data.get("fn"))
        mode = data.get("mode") or "644"
        if not isinstance(path, str):
            raise ArchiveRefused("a resource has no path")
        if not isinstance(sha1, str) or not re.fullmatch("[0-9a-f]{40}", sha1):
            raise ArchiveRefused(f"the resource {quoted(path)} has no SHA-1")
        if not isinstance(size, int) or isinstance(size, bool) or size < 0:
            raise ArchiveRefused(f"the resource {quoted(path)} has no size")
        if not isinstance(mode, str) or not re.fullmatch("[0-7]{1,6}", mode):
            raise ArchiveRefused(f"the mode of the resource {quoted(path)} is not an octal number")
        return PoolFile(archive.clean_path(path), sha1, size, archive.permissions(archive.FILE, int(mode, 8)))


@frozen
class Assembled:
    """The package: SHA-256 (hex), size in bytes, number of entries, and how many files were new to the pool."""

    sha256: str
    size: int
    files: int
    pooled: int


def package_key(guid: str) -> str:
    return f"packages/{guid}.zip"


def pool_key(sha1: str, size: int) -> str:
    """The size is part of the name, as it is of the fingerprint."""
    return f"pool/{sha1[:2]}/{sha1}-{size}"


def assemble(
    blobs: BlobStore,
    package_guid: str,
    upload_key: str | None,
    resources: Sequence[PoolFile],
    limits: ArchiveLimits | None = None,
) -> Assembled:
    """Make ``packages/<package_guid>.zip``. Raises ArchiveRefused, and then nothing is left under that key."""
    limits = limits or ArchiveLimits()
    with tempfile.TemporaryFile() as file, ThreadPoolExecutor(AHEAD_FILES, "ahead") as threads:
        upload: PackageZip | None = None
        if upload_key is not None:
            found = blobs.head(upload_key)
            if found is not None:
                archive.check_packed(found.size, limits)  # before it fills a disk
            blobs.download_to(upload_key, file)
            upload = PackageZip(file, limits)
        sent = upload.entries if upload else ()
        pool = _PoolReader(blobs, sorted(resources, key=lambda item: item.path), threads)
        entries = (*sent, *(Entry(item.path, archive.FILE, item.mode, item.size) for item in resources))
        if not any(entry.kind != archive.DIRECTORY for entry in entries):
            raise ArchiveRefused("the package has no files")
        archive.check_unpacked(entries, limits)
        archive.check_tree(entries)

        pooling = threads.submit(_fill_pool, blobs, upload) if upload else None
        digest = hashlib.sha256()

        def contents(entry: Entry) -> Iterator[bytes]:
            if upload is None or entry.path in pool:
                return pool.chunks(entry.path)
            return upload.chunks(entry)

        def stream() -> Iterator[bytes]:
            sink = _Sink()
            with zipfile.ZipFile(sink, "w", zipfile.ZIP_DEFLATED, compresslevel=DEFLATE_LEVEL) as target:
                for entry in sorted(entries, key=lambda entry: entry.path):
                    chunks = contents(entry) if entry.kind != archive.DIRECTORY else iter(())
                    first = next(chunks, b"")
                    with target.open(_header(entry, first), "w") as member:
                        for chunk in chain([first], chunks):
                            member.write(chunk)
                            yield sink.drain(digest)
            yield sink.drain(digest)

        size = blobs.upload_from(package_key(package_guid), stream())
        return Assembled(digest.hexdigest(), size, len(entries), pooling.result() if pooling else 0)


def _fill_pool(blobs: BlobStore, upload: PackageZip) -> int:
    """Keep every uploaded file of the pool's sizes; how many it did not have."""
    files = [
        entry
        for entry in upload.entries
        if entry.kind == archive.FILE and POOL_MIN_BYTES <= entry.size <= POOL_MAX_BYTES
    ]

    def keep(entry: Entry) -> bool:
        sha1 = hashlib.sha1(usedforsecurity=False)
        for chunk in upload.chunks(entry):
            sha1.update(chunk)
        key = pool_key(sha1.hexdigest(), entry.size)
        if blobs.exists(key):
            return False
        blobs.upload_from(key, upload.chunks(entry))
        return True

    with ThreadPoolExecutor(POOL_THREADS, "pool") as threads:
        return sum(threads.map(keep, files))


class _PoolReader:
    """The pool's files, read in the order given; small ones are fetched before they are asked for."""

    def __init__(self, blobs: BlobStore, items: Sequence[PoolFile], threads: ThreadPoolExecutor) -> None:
        self._blobs, self._threads = blobs, threads
        self._items = {item.path: item for item in items}
        self._next = iter([item for item in items if item.size <= AHEAD_MAX_BYTES])
        self._ahead: dict[str, Future[list[bytes]]] = {}

    def __contains__(self, path: str) -> bool:
        return path in self._items

    def chunks(self, path: str) -> Iterator[bytes]:
        item = self._items[path]
        if item.size > AHEAD_MAX_BYTES:
            return _from_pool(self._blobs, item)
        for following in islice(self._next, AHEAD_FILES - len(self._ahead)):
            self._ahead[following.path] = self._threads.submit(list, _from_pool(self._blobs, following))
        return iter(self._ahead.pop(path).result())


def _from_pool(blobs: BlobStore, item: PoolFile) -> Iterator[bytes]:
    """The file's bytes, checked on the way: a wrong one ends the upload before it becomes visible."""
    sha1, size = hashlib.sha1(usedforsecurity=False), 0
    try:
        for chunk in blobs.iterate(pool_key(item.sha1, item.size)):
            sha1.update(chunk)
            size += len(chunk)
            yield chunk
    except KeyError:
        raise ArchiveRefused(f"{quoted(item.path)} is not in the resource pool any more; push again") from None
    if (sha1.hexdigest(), size) != (item.sha1, item.size):
        raise ArchiveRefused(f"{quoted(item.path)} is damaged in the resource pool; push again")


def _header(entry: Entry, first: bytes) -> zipfile.ZipInfo:
    """``first``: the beginning of the file."""
    types = {archive.FILE: stat.S_IFREG, archive.DIRECTORY: stat.S_IFDIR, archive.LINK: stat.S_IFLNK}
    info = zipfile.ZipInfo(entry.path + "/" * (entry.kind == archive.DIRECTORY), EPOCH)
    info.create_system = 3  # Unix: the attributes hold a mode
    info.external_attr = (types[entry.kind] | entry.mode) << 16
    info.compress_type = zipfile.ZIP_DEFLATED if _packs(first) else zipfile.ZIP_STORED
    info.file_size = entry.size
    return info


def _packs(first: bytes) -> bool:
    sample = first[:SAMPLE_BYTES]
    return len(zlib.compress(sample, DEFLATE_LEVEL)) < STORED_ABOVE * len(sample)


class _Sink:
    """Where the zip writes: collects bytes until they are drained. Not seekable, which zip knows to live with."""

    def __init__(self) -> None:
        self._pieces: list[bytes] = []

    def write(self, data: bytes) -> int:
        self._pieces.append(bytes(data))
        return len(data)

    def flush(self) -> None:
        """Nothing is held back."""

    def close(self) -> None:
        """The pieces stay until they are drained."""

    def drain(self, digest: "hashlib._Hash") -> bytes:
        data = b"".join(self._pieces)
        self._pieces.clear()
        digest.update(data)
        return data
