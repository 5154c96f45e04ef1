"""Bits of every kind on a running platform, by the requests that cf makes."""

import io
import zipfile
from typing import Any

import httpx

from tests.support.platform import Platform, eventually

COMPILE = """#!/bin/sh
set -e
mkdir -p "$1/.profile.d"
echo 'export MESSAGE="from the uploaded buildpack"' > "$1/.profile.d/message.sh"
"""
RELEASE = "#!/bin/sh\necho 'default_process_types: {web: python3 server.py}'\n"


def zipped(files: dict[str, str]) -> bytes:
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as archive:
        for name, text in files.items():
            archive.writestr(name, text)
    return buffer.getvalue()


def upload(platform: Platform, kind: str, guid: str, bits: bytes) -> None:
    """To the end of its job."""
    files = {"bits": ("bits", bits, "application/octet-stream")}
    answered = platform.api("POST", f"/v3/{kind}/{guid}/upload", files=files)
    assert answered.status_code == 202, answered.text
    job = httpx.URL(answered.headers["location"]).path
    eventually(lambda: platform.api("GET", job).json()["state"] != "PROCESSING")
    ended = platform.api("GET", job).json()
    assert ended["state"] == "COMPLETE", ended


def relationships(app: str) -> dict[str, Any]:
    return {"relationships": {"app": {"data": {"guid": app}}}}


def test_an_app_staged_by_an_uploaded_buildpack_moves_to_another_app_as_a_droplet(
    platform: Platform, app_name: str
) -> None:
    name = f"pack-{app_name}"
    buildpack = platform.api("POST", "/v3/buildpacks", json={"name": name}).json()["guid"]
    try:
        upload(platform, "buildpacks", buildpack, zipped({"bin/compile": COMPILE, "bin/release": RELEASE}))
        platform.push(app_name, "-b", name)
        eventually(lambda: platform.who(app_name)["message"] == "from the uploaded buildpack")
    finally:
        platform.api("DELETE", f"/v3/buildpacks/{buildpack}")
    app = platform.api("GET", "/v3/apps", params={"names": app_name}).json()["resources"][0]["guid"]
    current = platform.api("GET", f"/v3/apps/{app}/droplets/current").json()
    assert current["buildpacks"][0]["name"] == name
    away = platform.api("GET", f"/v3/droplets/{current['guid']}/download")
    assert away.status_code == 302
    bits = platform.http.get(away.headers["location"]).raise_for_status().content
    droplet = platform.api("POST", "/v3/droplets", json=relationships(app)).json()["guid"]
    upload(platform, "droplets", droplet, bits)
    assigned = {"data": {"guid": droplet}}
    platform.api("PATCH", f"/v3/apps/{app}/relationships/current_droplet", json=assigned).raise_for_status()
    platform.zf("restart", app_name)
    eventually(lambda: platform.who(app_name)["message"] == "from the uploaded buildpack")
