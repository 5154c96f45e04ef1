"""What brings bits: the test stands in the place of the uploader, and of the jobs function."""

import io
import json
import tarfile
from typing import Any

import pytest

from chalicelib.bootstrap import World
from chalicelib.services import jobs
from tests.functional.apps.conftest import Stage, stage
from tests.functional.client import Answered
from tests.functional.cloud import Cloud

__all__ = ["Desk", "desk", "relationships", "stage", "tgz"]


def tgz(files: dict[str, bytes | tarfile.TarInfo]) -> bytes:
    """A tar.gz of files, or of members made by hand."""
    buffer = io.BytesIO()
    with tarfile.open(fileobj=buffer, mode="w:gz") as tar:
        for name, content in files.items():
            if isinstance(content, tarfile.TarInfo):
                tar.addfile(content)
                continue
            info = tarfile.TarInfo(name)
            info.size = len(content)
            tar.addfile(info, io.BytesIO(content))
    return buffer.getvalue()


class Desk:
    """Uploads of any kind, to the end of their jobs."""

    def __init__(self, stage: Stage) -> None:
        self.stage, self.api, self.world = stage, stage.api, stage.world

    def begin(self, kind: str, guid: str, length: int = 1000, api: Any = None) -> Answered:
        body = {"kind": kind, "guid": guid, "content_length": length}
        return (api or self.api).post("/internal/uploads", json=body)

    def upload(self, kind: str, guid: str, bits: bytes, filename: str = "bits.zip") -> Answered:
        """The answer that the client gets."""
        begun = self.begin(kind, guid, len(bits) or 100)
        assert begun.status == 201, begun.text
        if bits:
            self.stage.send(begun.json, bits)
        return self.complete(begun.json["upload"], len(bits), filename=filename)

    def complete(self, upload: str, size: int, **more: Any) -> Answered:
        return self.api.with_token("").post(
            "/internal/uploads/complete", json={"upload": upload, "size": size, "sha256": None} | more
        )

    def job(self, answered: Answered) -> dict[str, Any]:
        """Does the job that a 202 names; as clients see it then."""
        return self.api.finish(answered)

    def spec(self, key: str) -> Any:
        """What a host would fetch before it stages or runs something."""
        return json.loads(self.world.blobs.get_bytes(key))

    def run_jobs(self) -> None:
        """All that is owed to the jobs function."""
        for message in self.stage.cloud.taken("queue:jobs"):
            jobs.run(self.world, message.body["job_guid"])

    def exists(self, key: str) -> bool:
        return self.world.blobs.exists(key)


@pytest.fixture
def desk(stage: Stage, cloud: Cloud, world: World) -> Desk:
    return Desk(stage)


def relationships(app: str) -> dict[str, Any]:
    return {"relationships": {"app": {"data": {"guid": app}}}}
