"""A cloud that speaks https, from the flag to nothing left."""

import json
import ssl
from pathlib import Path

import httpx

from tests.support.platform import ROOT, Platform, a_platform, eventually
from tests.support.tls_clients import Http2


def test_a_cloud_with_tls_is_used_by_zf_and_others_and_leaves_nothing() -> None:
    with a_platform(deas=1, flags=("--tls",)) as platform:
        status = platform.status()
        port, authority = status["port"], Path(status["ca_file"])
        assert authority.parent.parent.parent == platform.home
        assert status["api_url"] == f"https://127.0.0.1:{port}"
        keys = [path for path in platform.home.rglob("*") if path.is_file() and b"PRIVATE KEY" in path.read_bytes()]
        assert [path.stat().st_mode & 0o777 for path in keys] == [0o600]
        trusting = ssl.create_default_context(cafile=authority)
        answers(platform, port, trusting)
        plain = platform.component("router-0")["listen"]
        moved = httpx.get(f"http://{plain}/v3/info?x=y", headers={"Host": "api.zf.localhost"})
        assert (moved.status_code, moved.headers["location"]) == (308, f"https://api.zf.localhost:{port}/v3/info?x=y")
    assert not platform.home.exists() or [path.name for path in platform.home.iterdir()] == []


def answers(platform: Platform, port: int, trusting: ssl.SSLContext) -> None:
    """Links, a push, the app by HTTP/2 and its log."""
    with httpx.Client(verify=trusting, trust_env=False) as client:
        api = client.get(f"https://127.0.0.1:{port}/", headers={"Host": f"api.zf.localhost:{port}"}).json()
        assert api["links"]["cloud_controller_v3"]["href"] == f"https://api.zf.localhost:{port}/v3"
    pushed = platform.zf("push", "tls", "-p", ROOT / "tests" / "apps" / "echo")
    assert f"https://tls.zf.localhost:{port}" in pushed.stdout
    host = "tls.zf.localhost"

    def app() -> bool:
        with Http2(port, host, trusting) as client:
            assert client.alpn == "h2"
            return bool(json.loads(client.get(f"{host}:{port}", "/who"))["guid"])

    eventually(app)
    eventually(lambda: "GET /who" in platform.zf("logs", "tls", "--recent").stdout)
