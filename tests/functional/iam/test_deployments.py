"""What ends a deployment starts the app's other processes with all that they run with: each function that may do it."""

from collections.abc import Callable

import pytest

from chalicelib.bootstrap import World
from chalicelib.contracts.health import DeploymentCheck
from chalicelib.services import rollouts
from infra.iam.compare import compare
from infra.iam.record import compact
from infra.iam.table import PARTS, RUN_SPEC
from tests.functional.client import Answered
from tests.functional.deployments.conftest import DEPLOYED, Show
from tests.functional.iam.conftest import Asked
from tests.functional.services.broker import Broker
from tests.functional.services.conftest import Services


def well(answered: Answered) -> Answered:
    assert answered.status in (200, 201, 202), answered.text
    return answered


def equip(show: Show, services: Services, broker: Broker, org: str, domain: str, app: str) -> None:
    """Everything that a run specification may speak of."""
    api = services.api.admin
    well(api.patch(f"/v3/apps/{app}/environment_variables", json={"var": {"COLOUR": "blue"}}))
    sidecar = {"name": "proxy", "command": "./proxy", "process_types": ["worker"]}
    well(api.post(f"/v3/apps/{app}/sidecars", json=sidecar))
    services.register(broker)
    services.finish(services.bind(api, services.instance(api), app))
    group = {
        "name": "out",
        "globally_enabled": {"running": True},
        "rules": [{"protocol": "all", "destination": "0.0.0.0/0"}],
    }
    well(api.post("/v3/security_groups", json=group))
    segment = well(api.post("/v3/isolation_segments", json={"name": "own"})).guid
    well(api.post(f"/v3/isolation_segments/{segment}/relationships/organizations", json={"data": [{"guid": org}]}))
    well(api.patch(f"/v3/spaces/{show.stage.space}/relationships/isolation_segment", json={"data": {"guid": segment}}))
    ends = {"space": {"data": {"guid": show.stage.space}}, "domain": {"data": {"guid": domain}}}
    route = well(api.post("/v3/routes", json={"host": "shop", "relationships": ends})).guid
    serves = {"app": {"guid": app, "process": {"type": "clock"}}}
    well(api.post(f"/v3/routes/{route}/destinations", json={"destinations": [serves]}))


def check(world: World, deployment: str) -> None:
    rollouts.check(world, DeploymentCheck(deployment), "trace")


def sweep(world: World, deployment: str) -> None:
    rollouts.sweep(world)


@pytest.mark.parametrize(("part", "look"), [("cc_inbox", check), ("cc_sweep", sweep)])
def test_the_function_that_ends_a_deployment_may_start_all_that_the_app_is(
    show: Show,
    services: Services,
    broker: Broker,
    org: str,
    domain: str,
    lone: World,
    asked: Asked,
    part: str,
    look: Callable[[World, str], None],
) -> None:
    app = show.running(worker="python worker.py")
    equip(show, services, broker, org, domain, app)
    droplet = show.droplet(app, {kind: f"python {kind}.py" for kind in ("web", "worker", "clock")})
    deployment = show.deployed(app, droplet={"guid": droplet})
    show.serve(app)
    look(lone, deployment)
    status = show.show(deployment)["status"]
    assert (status["value"], status["reason"]) == DEPLOYED

    found = asked()
    assert not [line for line in compare(PARTS, found).refused if line.startswith(f"refused: {part} ")]
    known = compact(found)[part]
    tables = {name.removeprefix("table:") for names in known.values() for name in names if name.startswith("table:")}
    assert tables >= {*RUN_SPEC.split(), "routes"}
    assert known["s3:PutObject"] == ["blobs"]
