"""Staging in containers, cold and with a build cache, beside the language's own tool by hand in the same image."""

import io
import tarfile
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import docker

from benchmarks.report import ROUNDS, Figure, timed
from dea_agent.runtimes.docker import IMAGE
from dea_agent.staging.container import CERTIFICATES
from tests.support.platform import ROOT, Platform, a_platform, eventually

EXAMPLES = ROOT / "examples"

#: What somebody would type in the app's folder; nothing where there is nothing to fetch or to build.
BY_HAND = {
    "erlang-escript": "",
    "go": "go build -o /tmp/hello .",
    "java-main": "",
    "java-war": "",
    "nginx": "",
    "nodejs-express": "npm ci --omit=dev",
    "php": "",
    "procfile-worker": "",
    "python-django": "pip3 install --target /tmp/deps -r requirements.txt",
    "python-fastapi": "pip3 install --target /tmp/deps fastapi uvicorn",
    "python-flask": "pip3 install --target /tmp/deps -r requirements.txt",
    "ruby-rack": "bundle install --local",
    "static": "",
}

#: Seconds that staging may take beyond the language's own tool.
MORE = 3.0

FOLDER = "/home/vcap/app"


def run() -> list[Figure]:
    figures: list[Figure] = []
    with a_platform(deas=1, flags=("--runtime", "docker")) as platform:
        for name, command in BY_HAND.items():
            cold, cached = _staged(platform, name)
            by_hand = [_by_hand(name, command) for _ in range(_rounds())] if command else []
            aim = sorted(by_hand)[len(by_hand) // 2] + MORE if by_hand else MORE
            figures.append(Figure(f"{name}: staged cold", "s", cold, aim=aim))
            figures.append(Figure(f"{name}: staged again", "s", cached))
            if by_hand:
                figures.append(Figure(f"{name}: by hand", "s", by_hand, note=command))
    return figures


def _rounds() -> int:
    """Downloads are other people's time: fewer."""
    return max(1, ROUNDS // 3)


def _staged(platform: Platform, name: str) -> tuple[list[float], list[float]]:
    cold, cached = [], []
    for number in range(_rounds()):
        app = f"{name}-{number}"
        platform.push(app, "-f", EXAMPLES / name / "manifest.yml", "--no-start", folder=EXAMPLES / name)
        guid = platform.json("app", app)["guid"]
        package = platform.api("GET", f"/v3/apps/{guid}/packages").json()["resources"][0]["guid"]
        cold.append(timed(lambda: _build(platform, package)))  # noqa: B023 (called at once)
        cached.append(timed(lambda: _build(platform, package)))  # noqa: B023 (called at once)
        platform.zf("delete", app, "-f", "-r")
    return cold, cached


def _build(platform: Platform, package: str) -> None:
    made = platform.api("POST", "/v3/builds", json={"package": {"guid": package}})
    made.raise_for_status()

    def ended() -> bool:
        build: dict[str, Any] = platform.api("GET", f"/v3/builds/{made.json()['guid']}").json()
        if build["state"] == "FAILED":
            raise SystemExit(f"staging failed: {build['error']}")
        return bool(build["state"] == "STAGED")

    eventually(ended, within_s=300, every_s=0.02)


def _by_hand(name: str, command: str) -> float:
    with _a_container(EXAMPLES / name) as container:
        began = time.perf_counter()
        code, said = container.exec_run(["/bin/bash", "-c", command], workdir=FOLDER)
        took = time.perf_counter() - began
    if code:
        raise SystemExit(f"{command!r} for {name}: {said.decode()[-500:]}")
    return took


@contextmanager
def _a_container(source: Path) -> Iterator[Any]:
    """One of the stack with the app's folder, the host's network, and its certificates."""
    names = ("PIP_CERT", "SSL_CERT_FILE", "REQUESTS_CA_BUNDLE", "NODE_EXTRA_CA_CERTS")
    client = docker.from_env()
    container = client.containers.run(
        IMAGE,
        ["sleep", "600"],
        detach=True,
        network_mode="host",
        environment=dict.fromkeys(names, str(CERTIFICATES)),
        volumes={str(CERTIFICATES.resolve()): {"bind": str(CERTIFICATES), "mode": "ro"}},
    )
    packed = io.BytesIO()
    with tarfile.open(fileobj=packed, mode="w") as tar:
        tar.add(source, arcname=".")
    try:
        container.exec_run(["mkdir", "-p", FOLDER])
        container.put_archive(FOLDER, packed.getvalue())
        yield container
    finally:
        container.remove(force=True)
        client.close()
