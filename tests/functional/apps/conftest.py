"""An app's way from nothing to running, with the test in the place of uploader and DEA."""

import hashlib
import io
import zipfile
from collections.abc import Mapping
from typing import Any

import httpx
import pytest

from chalicelib.bootstrap import World
from chalicelib.contracts.staging import BuildpackUsed, DropletMade, StagingFinished
from chalicelib.services import builds, droplets, listing
from chalicelib.tables.apps import Build
from chalicelib.tables.identity import Space
from chalicelib.tables.running import Placement
from tests.functional.client import Answered, Client
from tests.functional.cloud import Cloud

PROCESS_TYPES = {"web": "python server.py"}


def zipped(files: Mapping[str, bytes]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, data in files.items():
            archive.writestr(name, data)
    return buffer.getvalue()


class Stage:
    """What the tests of apps do again and again, as an administrator."""

    def __init__(self, api: Client, world: World, cloud: Cloud, space: str) -> None:
        self.api, self.world, self.cloud, self.space = api.admin, world, cloud, space

    def member(self, name: str, role: str) -> Client:
        """A new user with a role in the space."""
        org = listing.get(Space, self.space).org_guid
        return self.api.user(name, organization_user=str(org), **{role: self.space})

    def create(self, name: str = "shop", **more: Any) -> dict[str, Any]:
        answered = self.api.post("/v3/apps", json=self.app_body(name) | more)
        assert answered.status == 201, answered.text
        return dict(answered.json)

    def app_body(self, name: str = "shop") -> dict[str, Any]:
        return {"name": name, "relationships": {"space": {"data": {"guid": self.space}}}}

    def package(self, app_guid: str) -> str:
        body = {"type": "bits", "relationships": {"app": {"data": {"guid": app_guid}}}}
        answered = self.api.post("/v3/packages", json=body)
        assert answered.status == 201, answered.text
        return answered.guid

    def begin(self, package: str, length: int | None, api: Client | None = None) -> Answered:
        body = {"kind": "packages", "guid": package, "content_length": length}
        return (api or self.api).post("/internal/uploads", json=body)

    def send(self, begun: dict[str, Any], bits: bytes) -> None:
        """As the uploader does: every part, then the completion."""
        parts = []
        for number, url in enumerate(begun["part_urls"], start=1):
            part = bits[(number - 1) * begun["part_size"] : number * begun["part_size"]]
            etag = httpx.put(url, content=part).raise_for_status().headers["etag"]
            parts.append(f"<Part><PartNumber>{number}</PartNumber><ETag>{etag}</ETag></Part>")
        document = f"<CompleteMultipartUpload>{''.join(parts)}</CompleteMultipartUpload>"
        httpx.post(begun["complete_url"], content=document).raise_for_status()

    def upload(self, package: str, bits: bytes, resources: list[Any] | None = None) -> Answered:
        begun = self.begin(package, len(bits) or 100).json
        if bits:
            self.send(begun, bits)
        return self.complete(begun["upload"], bits, resources)

    def complete(self, upload: str, bits: bytes, resources: list[Any] | None = None) -> Answered:
        body = {"upload": upload, "size": len(bits), "sha256": hashlib.sha256(bits).hexdigest(), "resources": resources}
        return self.api.with_token("").post("/internal/uploads/complete", json=body)

    def ready_package(self, app_guid: str) -> str:
        package = self.package(app_guid)
        answered = self.upload(package, zipped({"server.py": b"print('hello')"}))
        assert answered.json["state"] == "READY", answered.text
        return package

    def build(self, package: str, **more: Any) -> str:
        answered = self.api.post("/v3/builds", json={"package": {"guid": package}} | more)
        assert answered.status == 201, answered.text
        return answered.guid

    def claim(self, build_guid: str) -> str:
        """A DEA wins the build; the guid of its attempt."""
        build = listing.get(Build, build_guid)
        build.instance_guid = Placement.get(build_guid, 0).instance_guid
        unit = self.world.unit()
        unit.put(build)
        unit.commit()
        return str(build.instance_guid)

    def finished(self, build_guid: str, process_types: dict[str, str] | None = None, **more: Any) -> StagingFinished:
        """What the DEA that has the build says at its end."""
        attempt = str(listing.get(Build, build_guid).instance_guid or self.claim(build_guid))
        made = DropletMade(
            digest=f"sha256:{'0' * 64}",
            size_bytes=7,
            stack="cflinuxfs4",
            arch="x86_64",
            process_types=PROCESS_TYPES if process_types is None else process_types,
            buildpacks=(BuildpackUsed("python", "python 3.11"),),
        )
        return StagingFinished(build_guid, attempt, "dea-0", "boot", **({"droplet": made} | more))

    def staged(self, app_guid: str, process_types: dict[str, str] | None = None) -> str:
        """A new droplet of the app."""
        return self.staged_build(self.build(self.ready_package(app_guid)), process_types)

    def staged_build(self, build: str, process_types: dict[str, str] | None = None) -> str:
        """The build's droplet."""
        result = self.finished(build, process_types)
        self.world.blobs.put_bytes(droplets.key(result.instance_guid), b"droplet")
        builds.finished(self.world, result, "trace")
        return str(self.api.get(f"/v3/builds/{build}").json["droplet"]["guid"])

    def assign(self, app_guid: str, droplet: str) -> Answered:
        body = {"data": {"guid": droplet}}
        return self.api.patch(f"/v3/apps/{app_guid}/relationships/current_droplet", json=body)

    def runnable(self, name: str = "shop", process_types: dict[str, str] | None = None) -> str:
        """An app that only needs to be started."""
        app = str(self.create(name)["guid"])
        answered = self.assign(app, self.staged(app, process_types))
        assert answered.status == 200, answered.text
        return app

    def started(self, name: str = "shop", process_types: dict[str, str] | None = None) -> str:
        app = self.runnable(name, process_types)
        answered = self.api.post(f"/v3/apps/{app}/actions/start")
        assert answered.status == 200, answered.text
        return app

    def said(self, subject: str, address: str = "topic:dea") -> list[dict[str, Any]]:
        """Bodies of what was said since the last look."""
        return [message.body for message in self.cloud.taken(address) if message.subject == subject]


@pytest.fixture
def stage(api: Client, world: World, cloud: Cloud, space: str) -> Stage:
    return Stage(api, world, cloud, space)
