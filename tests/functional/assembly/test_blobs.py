import io
import urllib.error
import urllib.request
from collections.abc import Iterator

import pytest

from chalicelib.adapters.blobs import PART_BYTES, BlobMissing, Blobs


def send(method: str, url: str, data: bytes | None = None) -> tuple[bytes, dict[str, str]]:
    # urllib's default type is a form's, which S3's stand-in would parse away.
    headers = {"Content-Type": "application/octet-stream"}
    request = urllib.request.Request(url, data=data, method=method, headers=headers)
    with urllib.request.urlopen(request, timeout=30) as answer:
        return answer.read(), dict(answer.headers)


def test_bytes_come_back_as_they_were_put(blobs: Blobs) -> None:
    blobs.put_bytes("a/one", b"hello")
    assert blobs.get_bytes("a/one") == b"hello"
    assert blobs.open_range("a/one", 1, 3) == b"el"
    assert blobs.open_range("a/one", 2, 2) == b""
    info = blobs.head("a/one")
    assert info is not None
    assert info.size == 5


def test_what_is_missing_is_named_as_missing(blobs: Blobs) -> None:
    assert blobs.head("a/none") is None
    assert not blobs.exists("a/none")
    for attempt in (lambda: blobs.get_bytes("a/none"), lambda: blobs.copy("a/none", "a/x")):
        with pytest.raises(BlobMissing):
            attempt()
    blobs.delete("a/none")


@pytest.mark.parametrize("size", [0, 1, PART_BYTES - 1, PART_BYTES, PART_BYTES + 1, 2 * PART_BYTES + 5])
def test_a_stream_of_any_length_is_stored_whole(blobs: Blobs, size: int) -> None:
    data = bytes(range(256)) * (size // 256 + 1)
    data = data[:size]
    assert blobs.upload_from("a/big", io.BytesIO(data)) == size
    assert blobs.get_bytes("a/big") == data
    chunks = (data[i : i + 100_003] for i in range(0, size, 100_003))
    assert blobs.upload_from("a/chunks", chunks) == size
    target = io.BytesIO()
    assert blobs.download_to("a/chunks", target) == size
    assert target.getvalue() == data


def test_a_stream_that_breaks_leaves_nothing(blobs: Blobs) -> None:
    def breaking() -> Iterator[bytes]:
        yield bytes(PART_BYTES + 1)
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        blobs.upload_from("a/broken", breaking())
    assert not blobs.exists("a/broken")
    assert "Uploads" not in blobs.s3.list_multipart_uploads(Bucket=blobs.bucket)


def test_a_prefix_is_deleted_whole_and_nothing_else(blobs: Blobs) -> None:
    for key in ("p/1", "p/2", "q/1"):
        blobs.put_bytes(key, b"x")
    assert blobs.delete_prefix("p/") == 2
    assert blobs.exists("q/1")
    with pytest.raises(ValueError, match="whole bucket"):
        blobs.delete_prefix("")


def test_signed_urls_serve_a_plain_http_client(blobs: Blobs) -> None:
    send("PUT", blobs.presign_put("a/put"), b"droplet")
    body, headers = send("GET", blobs.presign_get("a/put", filename="d.tgz"))
    assert body == b"droplet"
    assert headers["Content-Disposition"] == 'attachment; filename="d.tgz"'
    blobs.copy("a/put", "a/copy")
    assert blobs.get_bytes("a/copy") == b"droplet"


def test_a_multipart_upload_goes_by_signed_urls_alone(blobs: Blobs) -> None:
    upload = blobs.create_multipart("a/parts")
    pieces = [b"x" * PART_BYTES, b"end"]
    tags = [
        send("PUT", blobs.presign_part("a/parts", upload, number), piece)[1]["ETag"]
        for number, piece in enumerate(pieces, start=1)
    ]
    parts = "".join(
        f"<Part><PartNumber>{number}</PartNumber><ETag>{tag}</ETag></Part>" for number, tag in enumerate(tags, start=1)
    )
    xml = f'<CompleteMultipartUpload xmlns="http://s3.amazonaws.com/doc/2006-03-01/">{parts}</CompleteMultipartUpload>'
    send("POST", blobs.presign_complete("a/parts", upload), xml.encode())
    assert blobs.get_bytes("a/parts") == b"".join(pieces)


def test_an_aborted_multipart_upload_takes_no_more_parts(blobs: Blobs) -> None:
    upload = blobs.create_multipart("a/aborted")
    url = blobs.presign_part("a/aborted", upload, 1)
    send("DELETE", blobs.presign_abort("a/aborted", upload))
    with pytest.raises(urllib.error.HTTPError):
        send("PUT", url, b"late")
    blobs.abort_multipart("a/aborted", upload)
