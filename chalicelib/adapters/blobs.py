"""Blobs: S3, through botocore. The only module that touches the bucket, or that signs a way into it.

Hosts and clients have no right in S3: each moves one blob by a URL that is signed here for one key, one verb and
a limited time. The endpoint is botocore's business (``AWS_ENDPOINT_URL``); keys are addressed path-style, which
works with AWS and with every stand-in, and keeps bucket names out of DNS.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Any, BinaryIO

from botocore.config import Config as BotoConfig
from botocore.exceptions import ClientError

from chalicelib.adapters import aws
from chalicelib.contracts.frozen import frozen

#: Bytes per part of a multipart upload: 10,000 parts (S3's limit) make 80 GiB, and two of them are nothing in RAM.
PART_BYTES = 8 * 1024 * 1024

#: Seconds a signed URL holds unless the caller says otherwise.
PRESIGN_S = 3600

#: S3 deletes at most this many keys in one call.
DELETE_BATCH = 1000

CLIENT_CONFIG = BotoConfig(
    signature_version="s3v4",
    s3={"addressing_style": "path"},
    connect_timeout=3,
    read_timeout=60,
    max_pool_connections=32,
    retries={"max_attempts": 4, "mode": "standard"},
    # Otherwise checksum parameters become part of what is signed, and a plain HTTP client cannot use the URL.
    request_checksum_calculation="when_required",
    response_checksum_validation="when_required",
)

MISSING = {"404", "NoSuchKey", "NotFound", "NoSuchUpload"}


class BlobMissing(KeyError):
    """There is no blob of that key."""


@frozen
class BlobInfo:
    """size in bytes; etag as S3 gives it, without quotes (no digest for multipart uploads)."""

    size: int
    etag: str


class Blobs:
    """One bucket. Safe to use from several threads. Errors other than :class:`BlobMissing` are botocore's."""

    def __init__(self, bucket: str, region: str = "us-east-1") -> None:
        self.bucket = bucket
        self.s3 = aws.client("s3", region, CLIENT_CONFIG)

    def head(self, key: str) -> BlobInfo | None:
        """Size and etag, or None when there is no such blob."""
        try:
            answer = self.s3.head_object(Bucket=self.bucket, Key=key)
        except ClientError as error:
            if error.response["Error"]["Code"] in MISSING:
                return None
            raise
        return BlobInfo(answer["ContentLength"], answer["ETag"].strip('"'))

    def exists(self, key: str) -> bool:
        return self.head(key) is not None

    def put_bytes(self, key: str, data: bytes, content_type: str = "application/octet-stream") -> None:
        self.s3.put_object(Bucket=self.bucket, Key=key, Body=data, ContentType=content_type)

    def get_bytes(self, key: str) -> bytes:
        """All of a small blob. Raises BlobMissing."""
        return b"".join(self.iterate(key))

    def open_range(self, key: str, start: int, end: int) -> bytes:
        """The bytes from ``start`` to before ``end``. Raises BlobMissing."""
        return b"".join(self._chunks(key, Range=f"bytes={start}-{end - 1}")) if end > start else b""

    def iterate(self, key: str, chunk_bytes: int = 1024 * 1024) -> Iterator[bytes]:
        """The blob in chunks, none held longer than needed. Raises BlobMissing at the first."""
        return self._chunks(key, chunk_bytes)

    def _chunks(self, key: str, chunk_bytes: int = 1024 * 1024, **options: str) -> Iterator[bytes]:
        try:
            body = self.s3.get_object(Bucket=self.bucket, Key=key, **options)["Body"]
        except ClientError as error:
            if error.response["Error"]["Code"] in MISSING:
                raise BlobMissing(key) from None
            raise
        with body:
            yield from body.iter_chunks(chunk_bytes)

    def download_to(self, key: str, file: BinaryIO) -> int:
        """Stream the blob into ``file``; the number of bytes. Raises BlobMissing."""
        return sum(file.write(chunk) for chunk in self.iterate(key))

    def upload_from(self, key: str, source: BinaryIO | Iterable[bytes]) -> int:
        """Store what ``source`` yields, however long, one part on its way while the next one is made; the number of
        bytes.

        Nothing is visible under ``key`` before the whole is there, and a source that fails leaves nothing behind.
        """
        parts = _parts(_read(source) if hasattr(source, "read") else source)
        first = next(parts, b"")
        if len(first) < PART_BYTES:
            self.put_bytes(key, first)
            return len(first)
        upload_id = self.create_multipart(key)
        target = {"Bucket": self.bucket, "Key": key, "UploadId": upload_id}

        def send(number: int, data: bytes) -> dict[str, Any]:
            answer = self.s3.upload_part(**target, PartNumber=number, Body=data)
            return {"PartNumber": number, "ETag": answer["ETag"]}

        try:
            size, done = 0, list[dict[str, Any]]()
            with ThreadPoolExecutor(1, "part") as thread:
                on_its_way: Future[dict[str, Any]] | None = None
                for number, data in enumerate(_prepend(first, parts), start=1):
                    if on_its_way is not None:
                        done.append(on_its_way.result())
                    on_its_way = thread.submit(send, number, data)
                    size += len(data)
                if on_its_way is not None:
                    done.append(on_its_way.result())
            self.s3.complete_multipart_upload(**target, MultipartUpload={"Parts": done})
        except BaseException:
            self.abort_multipart(key, upload_id)
            raise
        return size

    def copy(self, source: str, target: str) -> None:
        """Within the bucket, by S3 itself. Raises BlobMissing."""
        try:
            self.s3.copy_object(Bucket=self.bucket, Key=target, CopySource={"Bucket": self.bucket, "Key": source})
        except ClientError as error:
            if error.response["Error"]["Code"] in MISSING:
                raise BlobMissing(source) from None
            raise

    def delete(self, key: str) -> None:
        """Deleting what is not there is no error."""
        self.s3.delete_object(Bucket=self.bucket, Key=key)

    def delete_prefix(self, prefix: str) -> int:
        """Delete every blob whose key starts with ``prefix`` (which must not be empty); how many there were."""
        if not prefix:
            raise ValueError("an empty prefix would delete the whole bucket")
        count = 0
        for page in self.s3.get_paginator("list_objects_v2").paginate(
            Bucket=self.bucket, Prefix=prefix, PaginationConfig={"PageSize": DELETE_BATCH}
        ):
            keys = [{"Key": item["Key"]} for item in page.get("Contents", [])]
            if keys:
                self.s3.delete_objects(Bucket=self.bucket, Delete={"Objects": keys, "Quiet": True})
            count += len(keys)
        return count

    # Signed URLs: for one key and one verb.

    def presign_get(self, key: str, expires_s: int = PRESIGN_S, filename: str | None = None) -> str:
        """``filename``: under which name a browser or ``cf`` saves it."""
        params = {"ResponseContentDisposition": f'attachment; filename="{filename}"'} if filename else {}
        return self._presign("get_object", expires_s, Key=key, **params)

    def presign_put(self, key: str, expires_s: int = PRESIGN_S) -> str:
        """For one PUT with a Content-Length of at most 5 GiB; S3 refuses chunked bodies."""
        return self._presign("put_object", expires_s, Key=key)

    def create_multipart(self, key: str) -> str:
        """The id of a new multipart upload."""
        return str(self.s3.create_multipart_upload(Bucket=self.bucket, Key=key)["UploadId"])

    def abort_multipart(self, key: str, upload_id: str) -> None:
        """Throw the parts away. Aborting what has ended is no error."""
        try:
            self.s3.abort_multipart_upload(Bucket=self.bucket, Key=key, UploadId=upload_id)
        except ClientError as error:
            if error.response["Error"]["Code"] not in MISSING:
                raise

    def presign_part(self, key: str, upload_id: str, part_number: int, expires_s: int = PRESIGN_S) -> str:
        """PUT of part ``part_number`` (from 1); its answer's ETag header belongs into the completion."""
        return self._presign("upload_part", expires_s, Key=key, UploadId=upload_id, PartNumber=part_number)

    def presign_complete(self, key: str, upload_id: str, expires_s: int = PRESIGN_S) -> str:
        """POST of S3's CompleteMultipartUpload XML."""
        return self._presign("complete_multipart_upload", expires_s, Key=key, UploadId=upload_id)

    def presign_abort(self, key: str, upload_id: str, expires_s: int = PRESIGN_S) -> str:
        """DELETE."""
        return self._presign("abort_multipart_upload", expires_s, Key=key, UploadId=upload_id)

    def _presign(self, operation: str, expires_s: int, **params: Any) -> str:
        return str(
            self.s3.generate_presigned_url(operation, Params={"Bucket": self.bucket, **params}, ExpiresIn=expires_s)
        )


def _read(file: Any) -> Iterator[bytes]:
    while chunk := file.read(1024 * 1024):
        yield chunk


def _prepend(first: bytes, rest: Iterator[bytes]) -> Iterator[bytes]:
    yield first
    yield from rest


def _parts(chunks: Iterable[bytes]) -> Iterator[bytes]:
    """Chunks of any size as parts of exactly PART_BYTES, the last one shorter."""
    buffer = bytearray()
    for chunk in chunks:
        buffer += chunk
        while len(buffer) >= PART_BYTES:
            yield bytes(buffer[:PART_BYTES])
            del buffer[:PART_BYTES]
    if buffer:
        yield bytes(buffer)
