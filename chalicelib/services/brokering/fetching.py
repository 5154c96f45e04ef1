"""Parameters of instances and bindings: kept by brokers, so a job asks for them while the client waits."""

import time
from typing import Any

from chalicelib.bootstrap import World
from chalicelib.core import osb
from chalicelib.core.errors import BrokerError, PaasError, Unavailable
from chalicelib.core.osb import Call
from chalicelib.services import jobs, listing, secrets
from chalicelib.services.brokering import operations, reach
from chalicelib.tables.identity import Secret
from chalicelib.tables.ledger import Job
from chalicelib.tables.services import Operated

#: API Gateway waits 29 s for an answer.
WAIT_S = 25
EVERY_S = 0.05


def parameters(world: World, row: Operated, trace: str = "") -> dict[str, Any]:
    """Raises BrokerError with what the broker said, Unavailable when it said nothing in time."""
    unit = world.unit(trace)
    job = jobs.start(unit, f"{row.KIND}.parameters", "fetch-parameters", kind=row.KIND, guid=str(row.guid))
    guid = str(job.guid)
    job.work = {**job.work, "result": guid}
    unit.commit()
    until = time.monotonic() + WAIT_S
    while time.monotonic() < until:
        done = listing.find(Job, guid)
        if done is not None and done.state == "FAILED":
            error = done.errors[0]
            raise BrokerError(error["detail"], error["title"].removeprefix("CF-"), error["code"])
        if done is not None and done.state == "COMPLETE":
            found = secrets.read(world, guid)
            _forget(world, guid)
            return dict(found)
        time.sleep(EVERY_S)
    raise Unavailable("The service broker did not answer in time.")


def _forget(world: World, guid: str) -> None:
    unit = world.unit()
    unit.delete(Secret(guid))
    unit.commit()


@jobs.worker("fetch-parameters")
def _fetch(world: World, work: dict[str, Any]) -> None:
    kind = operations.KINDS[work["kind"]]
    row = listing.find(kind.model, work["guid"])
    if row is None:
        raise PaasError("It is gone.")
    reply = reach.send(world, row, Call("GET", kind.path(row), kind.query(row)))
    outcome = osb.after_fetch(reply)
    if outcome.error is not None:
        raise outcome.error
    found = outcome.body.get("parameters")
    unit = world.unit()
    secrets.write(world, unit, work["result"], found if isinstance(found, dict) else {})
    unit.commit()
