"""The resource pool's table of contents: which files CC has already, so that clients need not send them."""

from collections.abc import Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import BinaryIO

from chalicelib.adapters.blobs import BlobInfo, Blobs
from chalicelib.services.assembly import POOL_MAX_BYTES, POOL_MIN_BYTES
from chalicelib.services.listing import BATCH
from chalicelib.tables.apps import Pooled

PREFIX = "pool/"


def known(fingerprints: Iterable[tuple[str, int]]) -> set[tuple[str, int]]:
    """Of (sha1, size), those that the pool has. One batch get per hundred of a size that the pool keeps."""
    wanted = sorted({(sha1, size) for sha1, size in fingerprints if POOL_MIN_BYTES <= size <= POOL_MAX_BYTES})
    batches = [wanted[i : i + BATCH] for i in range(0, len(wanted), BATCH)]

    def look_up(batch: Sequence[tuple[str, int]]) -> set[str]:
        keys = [f"{sha1}-{size}" for sha1, size in batch]
        return {str(item.fingerprint) for item in Pooled.batch_get(keys, consistent_read=True)}

    with ThreadPoolExecutor(max_workers=8) as threads:
        found = set[str]().union(*threads.map(look_up, batches))
    return {(sha1, size) for sha1, size in wanted if f"{sha1}-{size}" in found}


class IndexedBlobs:
    """The bucket as assembly uses it, with the pool's entries written down as they are made.

    A file is written down after it is stored: what the table knows is there. Asking costs no S3 request.
    """

    def __init__(self, blobs: Blobs) -> None:
        self.blobs = blobs

    def exists(self, key: str) -> bool:
        fingerprint = _fingerprint(key)
        return self.blobs.exists(key) if fingerprint is None else bool(list(Pooled.batch_get([fingerprint])))

    def head(self, key: str) -> BlobInfo | None:
        return self.blobs.head(key)

    def iterate(self, key: str) -> Iterator[bytes]:
        return self.blobs.iterate(key)

    def download_to(self, key: str, file: BinaryIO) -> int:
        return self.blobs.download_to(key, file)

    def upload_from(self, key: str, source: BinaryIO | Iterable[bytes]) -> int:
        size = self.blobs.upload_from(key, source)
        fingerprint = _fingerprint(key)
        if fingerprint is not None:
            Pooled(fingerprint).save()
        return size


def _fingerprint(key: str) -> str | None:
    """``<sha1>-<size>`` of ``pool/<xx>/<sha1>-<size>``."""
    return key.rpartition("/")[2] if key.startswith(PREFIX) else None
