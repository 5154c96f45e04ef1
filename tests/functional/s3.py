"""Fixtures: a real S3 over HTTP (moto's server), so that signed URLs are used as a DEA or a client uses them."""

import uuid
from collections.abc import Iterator

import pytest
from moto.server import ThreadedMotoServer

from chalicelib.adapters.blobs import Blobs


@pytest.fixture(scope="session")
def endpoint() -> Iterator[str]:
    server = ThreadedMotoServer(ip_address="127.0.0.1", port=0, verbose=False)
    server.start()
    host, port = server.get_host_and_port()
    yield f"http://{host}:{port}"
    server.stop()


@pytest.fixture
def blobs(endpoint: str, monkeypatch: pytest.MonkeyPatch) -> Blobs:
    """An empty bucket of its own for each test."""
    monkeypatch.setenv("AWS_ENDPOINT_URL", endpoint)
    monkeypatch.setenv("AWS_ACCESS_KEY_ID", "testing")
    monkeypatch.setenv("AWS_SECRET_ACCESS_KEY", "testing")
    blobs = Blobs(f"test-{uuid.uuid4().hex}")
    blobs.s3.create_bucket(Bucket=blobs.bucket)
    return blobs
