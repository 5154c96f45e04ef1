"""The example broker with a real PostgreSQL: what apps get works, what they lose is gone, whoever dies in between."""

import importlib
import sys
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import httpx
import pytest

from chalicelib.core import catalog
from chalicelib.services.service_env import vcap_services
from tests.functional.client import Client
from tests.functional.services.broker import PASSWORD, USER, Broker
from tests.functional.services.conftest import Services
from tests.functional.services.dying import Dying
from tests.support import postgres

pg8000 = pytest.importorskip("pg8000.dbapi", reason="pg8000 is not installed")
pytestmark = pytest.mark.skipif(postgres.binaries() is None, reason="no PostgreSQL here: apt-get install postgresql")

EXAMPLE = Path(__file__).parents[3] / "examples" / "postgres-broker"


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    with postgres.a_server() as url:
        yield url


@pytest.fixture(scope="module")
def example(server: str) -> Iterator[Broker]:
    """The example, served by threads of this process."""
    from werkzeug.serving import make_server

    with pytest.MonkeyPatch.context() as patch:
        patch.syspath_prepend(str(EXAMPLE))
        for name in ("app", "databases"):
            patch.delitem(sys.modules, name, raising=False)
        broker_module, databases = importlib.import_module("app"), importlib.import_module("databases")
        app = broker_module.make(databases.Databases(server, PASSWORD), USER, PASSWORD)
        for name in ("app", "databases"):
            patch.delitem(sys.modules, name, raising=False)
    web = make_server("127.0.0.1", 0, app, threaded=True)
    threading.Thread(target=web.serve_forever, daemon=True).start()
    yield Broker([], url=f"http://127.0.0.1:{web.server_port}")
    web.shutdown()


def connect(uri: str) -> Any:
    parts = urlsplit(uri)
    connection = pg8000.connect(
        parts.username,
        host=parts.hostname,
        port=parts.port,
        database=parts.path[1:],
        password=parts.password,
        timeout=10,
    )
    connection.autocommit = True
    return connection


def left(server: str) -> list[str]:
    """Databases and roles that the broker has made."""
    cursor = connect(server).cursor()
    cursor.execute(
        "SELECT datname FROM pg_database WHERE datname ~ '^i_' "
        "UNION SELECT rolname FROM pg_roles WHERE rolname ~ '^[bo]_'"
    )
    return [str(row[0]) for row in cursor.fetchall()]


def test_bound_apps_share_a_database_until_one_is_unbound(
    services: Services, example: Broker, server: str, dora: Client
) -> None:
    services.register(example)
    guid = services.instance(dora)
    first, second = services.app(dora, "first"), services.app(dora, "second")
    for app in (first, second):
        assert services.finish(services.bind(dora, guid, app))["state"] == "COMPLETE"
    uris = {app: vcap_services(services.world, app)["postgres"][0]["credentials"]["uri"] for app in (first, second)}
    writer = connect(uris[first])
    writer.cursor().execute("CREATE TABLE notes (text text)")
    writer.cursor().execute("INSERT INTO notes VALUES ('written by the first')")
    reader = connect(uris[second]).cursor()
    reader.execute("SELECT text FROM notes")
    assert reader.fetchall()[0][0] == "written by the first"
    with pytest.raises(Exception, match=r"permission denied|must be"):
        connect(uris[first]).cursor().execute("CREATE ROLE intruder")
    with pytest.raises(Exception, match=r"permission denied|not permitted"):
        connect(uris[first].rpartition("/")[0] + "/postgres").cursor().execute("SELECT * FROM broker_instances")

    (binding,) = dora.get("/v3/service_credential_bindings", app_guids=first).guids
    assert services.finish(dora.delete(f"/v3/service_credential_bindings/{binding}"))["state"] == "COMPLETE"
    with pytest.raises(Exception, match=r"authentication failed|not permitted"):
        connect(uris[first])
    with pytest.raises((pg8000.InterfaceError, pg8000.OperationalError, pg8000.DatabaseError, OSError)):
        writer.cursor().execute("SELECT 1")
    reader.execute("INSERT INTO notes VALUES ('the second goes on') RETURNING text")
    assert services.finish(dora.delete(f"/v3/service_instances/{guid}"))["state"] == "COMPLETE"
    assert left(server) == []


def test_the_example_answers_as_the_interface_demands(example: Broker, server: str) -> None:
    instance, binding = "8a1c4f6e-5a57-4b0e-9a4c-000000000001", "8a1c4f6e-5a57-4b0e-9a4c-000000000002"
    http = httpx.Client(base_url=example.url, auth=(USER, PASSWORD), headers={"X-Broker-API-Version": "2.16"})
    assert httpx.get(f"{example.url}/v2/catalog", headers={"X-Broker-API-Version": "2.16"}).status_code == 401
    assert httpx.get(f"{example.url}/v2/catalog", auth=(USER, PASSWORD)).status_code == 412
    offered = catalog.parse(http.get("/v2/catalog").json())
    small, large = (plan.unique_id for plan in offered[0].plans)
    path = f"/v2/service_instances/{instance}"
    bound = f"{path}/service_bindings/{binding}"

    def put(path: str, **body: str) -> httpx.Response:
        return http.put(path, json={"service_id": offered[0].unique_id, **body})

    assert put("/v2/service_instances/x;DROP TABLE", plan_id=small).status_code == 400
    assert put(path, plan_id="unknown").status_code == 400
    assert put(path, plan_id=large).json()["error"] == "AsyncRequired"
    assert http.delete(path).status_code == 410
    assert put(bound, plan_id=small).status_code == 404
    assert [put(path, plan_id=small).status_code for _ in range(2)] == [201, 200]
    assert put(path, plan_id=large).status_code == 422
    assert put(f"{path}?accepts_incomplete=true", plan_id=large).status_code == 409
    assert http.get(bound).status_code == 404
    first, again = put(bound, plan_id=small), put(bound, plan_id=small)
    assert (first.status_code, again.status_code) == (201, 200)
    assert first.json() == again.json() == http.get(bound).json()
    assert [http.delete(bound).status_code for _ in range(2)] == [200, 410]
    assert [http.delete(path).status_code for _ in range(2)] == [200, 410]
    assert left(server) == []


def test_workers_that_die_at_every_point_leave_no_database_and_no_login(
    services: Services, example: Broker, server: str, dora: Client
) -> None:
    services.register(example)
    dying = Dying(services)
    app = services.app(dora)

    def done(answered: Any) -> None:
        dying.work()
        job = dora.get(answered.headers["location"]).json
        assert job["state"] == "COMPLETE", job

    done(services.ask_instance(dora, "db1", "large"))
    (guid,) = dora.get("/v3/service_instances").guids
    assert len(left(server)) == 2
    done(services.bind(dora, guid, app))
    assert len(left(server)) == 3
    connect(vcap_services(services.world, app)["postgres"][0]["credentials"]["uri"])
    done(dora.delete(f"/v3/service_instances/{guid}"))
    assert left(server) == []
    assert dora.get("/v3/service_instances").guids == []
    assert services.cloud.rows("service-orphans") == 0
    assert dying.deaths > 12, "how often a broker is asked whether it is done depends on how slow it is"
