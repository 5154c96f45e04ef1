"""A service broker that is an app of the platform itself, and an app that is bound to what it makes."""

import pytest

from tests.support import postgres
from tests.support.platform import ROOT, Platform, eventually


@pytest.mark.skipif(postgres.binaries() is None, reason="no PostgreSQL here: apt-get install postgresql")
def test_a_broker_that_runs_on_the_platform_gives_an_app_its_database(platform: Platform, app_name: str) -> None:
    broker, example = f"{app_name}-broker", ROOT / "examples" / "postgres-broker"
    with postgres.a_server() as url:
        platform.zf("push", broker, "-p", example, "-f", example / "manifest.yml", "--no-start")
        settings = {"DATABASE_URL": url, "BROKER_USERNAME": "platform", "BROKER_PASSWORD": "very-secret-9182"}
        guid = platform.api("GET", "/v3/apps", params={"names": broker}).json()["resources"][0]["guid"]
        platform.api("PATCH", f"/v3/apps/{guid}/environment_variables", json={"var": settings}).raise_for_status()
        try:
            platform.zf("start", broker)
            eventually(lambda: platform.get(broker, "/v2/catalog").status_code == 401)
            _use(platform, broker, app_name)
        finally:
            platform.zf("delete", broker, "-f", "-r", check=False)
    logs = [path.read_bytes() for path in platform.home.rglob("*.log*")]
    assert not any(b"very-secret-9182" in log for log in logs)


def _use(platform: Platform, broker: str, app_name: str) -> None:
    port = platform.router.rpartition(":")[2]
    credentials = {"username": "platform", "password": "very-secret-9182"}
    registered = {
        "name": broker,
        "url": f"http://{broker}.{platform.apps_domain}:{port}",
        "authentication": {"type": "basic", "credentials": credentials},
    }
    _done(platform, "POST", "/v3/service_brokers", registered)
    plans = platform.api("GET", "/v3/service_plans", params={"service_broker_names": broker}).json()["resources"]
    plan = next(plan["guid"] for plan in plans if plan["name"] == "large")
    space = platform.api("GET", "/v3/spaces", params={"names": "dev"}).json()["resources"][0]["guid"]
    wanted = {"space": {"data": {"guid": space}}, "service_plan": {"data": {"guid": plan}}}
    _done(platform, "POST", "/v3/service_instances", {"type": "managed", "name": broker, "relationships": wanted})
    instance = platform.api("GET", "/v3/service_instances", params={"names": broker}).json()["resources"][0]["guid"]
    platform.zf("push", app_name, "-p", ROOT / "tests" / "apps" / "echo", "--no-start")
    app = platform.json("app", app_name)["guid"]
    ends = {"app": {"data": {"guid": app}}, "service_instance": {"data": {"guid": instance}}}
    _done(platform, "POST", "/v3/service_credential_bindings", {"type": "app", "relationships": ends})
    platform.zf("start", app_name)
    eventually(lambda: platform.get(app_name).status_code == 200)
    seen = platform.get(app_name, "/env").json()["VCAP_SERVICES"]
    assert '"postgres"' in seen
    assert "postgresql://b_" in seen
    _done(platform, "DELETE", f"/v3/service_instances/{instance}")
    (owner,) = platform.api("GET", "/v3/service_brokers", params={"names": broker}).json()["resources"]
    _done(platform, "DELETE", f"/v3/service_brokers/{owner['guid']}")


def _done(platform: Platform, method: str, path: str, body: object = None) -> None:
    """A request that is answered by a job, and the job's good end."""
    answer = platform.api(method, path, json=body)
    assert answer.status_code == 202, answer.text
    job = f"/v3/jobs/{answer.headers['location'].rpartition('/')[2]}"

    def state() -> str | None:
        now = platform.api("GET", job).json()
        assert now["state"] != "FAILED" or pytest.fail(str(now["errors"]))
        return str(now["state"]) if now["state"] == "COMPLETE" else None

    eventually(state)
