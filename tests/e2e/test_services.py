"""A service broker that is an app of the platform itself, and an app that is bound to what it makes."""

import json
from urllib.parse import urlsplit

import pg8000.dbapi
import pytest

from tests.support import postgres
from tests.support.platform import ROOT, Platform, eventually

#: PostgreSQL's SQLSTATE for a login that there is not, and for a wrong password alike.
INVALID_PASSWORD = "28P01"


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
    platform.zf("push", app_name, "-p", ROOT / "tests" / "apps" / "rows", "--no-start")
    platform.zf("bind-service", app_name, broker)
    platform.zf("start", app_name)
    for word in ("first", "second"):
        eventually(lambda: platform.post(app_name, word).status_code == 200)  # noqa: B023 (read at once)
    platform.zf("restart", app_name)
    eventually(lambda: platform.get(app_name).json() == ["first", "second"])
    login = platform.zf("env", app_name, "--json")
    uri = json.loads(login.stdout)["system_env_json"]["VCAP_SERVICES"]["postgres"][0]["credentials"]["uri"]
    assert rows(uri) == ["first", "second"]
    platform.zf("unbind-service", app_name, broker)
    with pytest.raises(pg8000.dbapi.DatabaseError) as refused:
        rows(uri)
    assert refused.value.args[0]["C"] == INVALID_PASSWORD
    _done(platform, "DELETE", f"/v3/service_instances/{instance}")
    (owner,) = platform.api("GET", "/v3/service_brokers", params={"names": broker}).json()["resources"]
    _done(platform, "DELETE", f"/v3/service_brokers/{owner['guid']}")


def rows(uri: str) -> list[str]:
    """By a login of one's own, with what the app was given."""
    url = urlsplit(uri)
    login = {"password": url.password, "host": url.hostname, "port": url.port, "database": url.path[1:]}
    with pg8000.dbapi.connect(url.username, **login) as connection:
        cursor = connection.cursor()
        cursor.execute("SELECT word FROM words ORDER BY id")
        return [word for (word,) in cursor.fetchall()]


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
