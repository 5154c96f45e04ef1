"""`zf push` from first to last: check, describe, upload what is new, stage, start."""

import json
import os
import tempfile
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from typing import Any
from urllib.parse import urlsplit

from zf.client.api import Api
from zf.client.config import Named
from zf.client.errors import FilesError, ManifestError, WaitError
from zf.client.http import Json
from zf.client.logs import LogCache
from zf.client.models import App, Instance, Package, Process, Route
from zf.client.runs import Runs
from zf.client.waiting import looks
from zf.push.archive import write_zip
from zf.push.files import Kind, Source, source_at
from zf.push.fingerprints import Fingerprint, candidates, fingerprints, known
from zf.push.report import Report
from zf.push.rollout import Strategy, follow
from zf.push.spec import AppSpec
from zf.push.staging import stage
from zf.push.starting import wait_until_up
from zf.push.upload import upload
from zf.text import epoch_ns, size

#: Putting a package together is a streaming job of the platform; a GB takes a minute or two.
ASSEMBLY_GIVE_UP_S = 900

#: The variable with the password of an image's registry; never an argument, which others on the machine can read.
PASSWORD = "CF_DOCKER_PASSWORD"  # noqa: S105 - the name of one


@dataclass(frozen=True, slots=True)
class Pushed:
    """timings: seconds by phase and their total. deployment: how that stands, empty without one."""

    app: str
    guid: str
    urls: tuple[str, ...]
    instances: tuple[Instance, ...]
    timings: dict[str, float]
    deployment: str

    def as_json(self) -> dict[str, Any]:
        return {key: value for key, value in asdict(self).items() if key != "deployment" or value}


class Push:
    def __init__(self, api: Api, runs: Runs, cache: LogCache, space: Named, report: Report) -> None:
        self._api, self._runs, self._cache, self._space, self._report = api, runs, cache, space, report

    def push(self, specs: Sequence[AppSpec], start: bool, plan: Strategy | None = None) -> list[Pushed]:
        """Nothing is changed on the platform before every app's folder has been found good.

        plan: how the new version takes over from the one that runs; by a restart without one.
        """
        began = time.monotonic()
        images = {spec.name: image_of(spec, os.environ) for spec in specs if "docker" in spec.body}
        sources = {spec.name: source_at(spec.path) for spec in specs if spec.name not in images}
        with self._report.phase("manifest", "Described the app" if len(specs) == 1 else f"Described {len(specs)} apps"):
            # JSON is YAML.
            text = json.dumps({"applications": [spec.body for spec in specs]}, ensure_ascii=False, default=str)
            warnings = self._api.apply_manifest(self._space, text)
        for warning in warnings:
            self._report.console.warn(f"Note: {warning}")
        pushed = []
        for spec in specs:
            what = images.get(spec.name) or sources[spec.name]
            pushed.append(self._push_one(spec, what, start, plan, began))
            began = time.monotonic()
            self._report.timings.clear()
        return pushed

    def _push_one(self, spec: AppSpec, what: Source | Json, start: bool, plan: Strategy | None, began: float) -> Pushed:
        app = self._api.app(self._space, spec.name)
        package = self._api.create_package(app, what) if isinstance(what, dict) else self._ready(self._send(app, what))
        instances, deployment = list[Instance](), ""
        if start:
            with self._report.phase("staging", f"Staging {app.name}", announce=True) as phase:
                droplet = stage(self._api, self._cache, app, package, phase)
            if plan:
                instances, deployment = self._deploy(app, plan.body(droplet={"guid": droplet}))
            else:
                instances = self._start(app, droplet)
        elif app.state == "STARTED":
            self._api.act(app, "stop")
        urls = urls_of(self._api, self._api.routes_of([app.guid]))
        timings = {**self._report.timings, "total": round(time.monotonic() - began, 3)}
        return Pushed(app.name, app.guid, urls, tuple(instances), timings, deployment)

    def _send(self, app: App, source: Source) -> Package:
        matched = self._matched(source)
        have = {one.entry.name for one in matched}
        new = [entry for entry in source.entries if entry.name not in have]
        total = sum(entry.size for entry in new)
        with tempfile.TemporaryFile(prefix="zf-") as bits, self._report.phase("upload", "Packing", total) as phase:
            try:
                write_zip(source, new, bits, phase.advance)
                bits.flush()
            except OSError as error:
                raise FilesError(f"Cannot pack the app: {error.strerror}", "Free some space in TMPDIR") from None
            length = bits.tell()
            package = self._api.create_package(app)
            phase.status("Uploading")
            # The bar counts the files' own bytes; the zip's are fewer.
            package = upload(
                self._api.http,
                package,
                matched,
                bits if new else None,
                length,
                lambda position: phase.at(position * total // max(length, 1)),
            )
            files = sum(entry.kind is not Kind.FOLDER for entry in new)
            old = f", {len(matched)} are there already" if matched else ""
            phase.label = (
                f"Uploaded {files} file{'' if files == 1 else 's'}, {size(total)} ({size(length)} zipped){old}"
            )
        return package

    def _matched(self, source: Source) -> list[Fingerprint]:
        entries = candidates(source)
        if not entries:
            return []
        total = sum(entry.size for entry in entries)
        with self._report.phase("files", f"Fingerprinted {len(entries)} large files, {size(total)}", total) as phase:
            prints = fingerprints(source, entries, phase.advance)
            return known(prints, self._api.known_resources)

    def _ready(self, package: Package) -> Package:
        if package.state == "READY":
            return package
        with self._report.phase("package", "Put the package together") as phase:
            phase.status("Putting the package together")
            for _ in looks(0.05, 1.5, 1.0, ASSEMBLY_GIVE_UP_S):
                package = self._api.package(package.guid)
                if package.state == "READY":
                    return package
                if package.state in ("FAILED", "EXPIRED"):
                    reason = package.error.rstrip(".") or f"the package is {package.state}"
                    raise FilesError(f"The platform refused the files: {reason}", "Correct them and push again")
        raise WaitError("The package is not ready after 15 minutes", f"Look at it: zf curl /v3/packages/{package.guid}")

    def _deploy(self, app: App, wanted: Json) -> tuple[list[Instance], str]:
        with self._report.phase("deploy", f"Deploying {app.name}", announce=True) as phase:
            deployment = self._runs.deploy(app, wanted)
            deployment = follow(self._api, self._runs, self._cache, app, deployment, phase)
            web = web_of(self._api.processes([app.guid]))
            if web is None:
                return [], deployment.reason
            if deployment.value == "ACTIVE":
                return self._api.stats(web.guid), deployment.reason
            # One that was stopped is deployed at once, and starts now.
            since = epoch_ns(deployment.created_at)
            return wait_until_up(self._api, self._cache, app, web, phase, since), deployment.reason

    def _start(self, app: App, droplet: str) -> list[Instance]:
        with self._report.phase("start", f"Starting {app.name}") as phase:
            self._api.set_droplet(app, droplet)
            since = epoch_ns(self._api.act(app, "restart").updated_at)
            web = web_of(self._api.processes([app.guid]))
            return wait_until_up(self._api, self._cache, app, web, phase, since) if web else []


def image_of(spec: AppSpec, environ: Mapping[str, str]) -> Json:
    """What the package of a Docker image is made of. Raises ManifestError."""
    said = spec.body["docker"]
    image, username = (said.get("image"), said.get("username")) if isinstance(said, dict) else (None, None)
    if not image:
        raise ManifestError(f"{spec.name} has a docker key without an image", "Name it: 'docker: {image: NAME}'")
    if not username:
        return {"image": image}
    if PASSWORD not in environ:
        raise ManifestError(
            f"The image of {spec.name} has a user name but no password", f"Set {PASSWORD} and push again"
        )
    return {"image": image, "username": username, "password": environ[PASSWORD]}


def web_of(processes: Sequence[Process]) -> Process | None:
    """Of several, while a deployment runs, the newest, which the API lists last."""
    return next((process for process in reversed(processes) if process.type == "web"), None)


def urls_of(api: Api, routes: Sequence[Route]) -> tuple[str, ...]:
    """Where routes answer: a v3 route has no scheme and port, but apps share the router with the API."""
    base = urlsplit(api.http.api)
    port = f":{base.port}" if base.port else ""
    urls = []
    for route in routes:
        host, slash, path = route.url.partition("/")
        urls.append(f"{base.scheme}://{host}{'' if ':' in host else port}{slash}{path}")
    return tuple(sorted(urls))
