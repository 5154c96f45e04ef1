"""Operations of brokers: begun with a request, carried out by the jobs function in as many turns as it takes.

What is to be done, and under which guid, is written before a broker hears of it. A worker that is killed anywhere
begins its turn again and makes the same call again, which brokers answer alike; it never makes up a new guid. What
a broker may hold although the operation failed is asked back (orphans) until the broker says that it is gone.
"""

from collections.abc import Callable, Mapping
from typing import Any

from chalicelib.adapters.clock import new_guid, now, stamp
from chalicelib.bootstrap import World
from chalicelib.contracts.frozen import frozen
from chalicelib.core import osb
from chalicelib.core.errors import BrokerError, Conflict, PaasError
from chalicelib.core.osb import AGAIN, BIND, DONE, FAILED, GOES_ON, MAKING, TYPES, Call, Outcome
from chalicelib.core.roles import Actor
from chalicelib.services import jobs, listing
from chalicelib.services.brokering import orphans, reach
from chalicelib.tables.identity import Secret
from chalicelib.tables.ledger import Job
from chalicelib.tables.services import Operated
from chalicelib.tables.unit import Unit

#: Cloud Foundry's own limit for an operation that a broker carries out by itself: a week.
MAX_POLLING_S = 7 * 24 * 3600
#: A message may come so much before the time that the broker has named; queues delay by whole seconds.
MAX_EARLY_S = 2
#: How long a broker may say that something else goes on.
MAX_CONCURRENCY_S = 600
#: After an operation's own time, until the sweep ends it whose worker was lost.
GRACE_S = 300


@frozen
class Kind:
    """What differs between instances, bindings and route bindings.

    ready: whether the broker may be called yet (None), when to look again, or why it never will be. call: the first
    call of the verb. path, query: of what the broker has, and what goes with every question about it. succeeded,
    failed: put or remove the row in the unit, with what else changes. has_result: a broker that was slow is asked for
    it (bindings).
    """

    model: type[Operated]
    ready: Callable[[World, Any], jobs.Later | BrokerError | None]
    call: Callable[[World, Any], Call]
    path: Callable[[Any], str]
    query: Callable[[Any], dict[str, str]]
    succeeded: Callable[[World, Unit, Any, Mapping[str, Any]], None]
    failed: Callable[[World, Unit, Any], None]
    has_result: bool = False


#: KIND of the resource -> its ways.
KINDS: dict[str, Kind] = {}


def begin(
    world: World,
    unit: Unit,
    actor: Actor,
    row: Operated,
    verb: str,
    operation: str,
    polling_s: float | None = None,
    parameters: Mapping[str, Any] | None = None,
    delay_s: float = 0,
    **pending: Any,
) -> Job:
    """Note in ``row``, which the caller puts, what is to be done, and add the job that does it.

    polling_s: what the plan allows. delay_s: as jobs.start has it. operation: what clients see, such as
    ``service_instance.create``.
    """
    moment, number = now(), new_guid()
    until = moment + min(polling_s or MAX_POLLING_S, MAX_POLLING_S)
    row.last_operation = {
        "type": TYPES[verb],
        "state": "in progress",
        "description": "",
        "created_at": stamp(moment),
        "updated_at": stamp(moment),
    }
    row.pending = {
        "id": number,
        "verb": verb,
        "phase": "call",
        "since": moment,
        "until": until,
        "actor": {"guid": actor.guid, "name": actor.name},
        "trace": unit.trace,
        **pending,
    }
    if parameters:
        unit.put(Secret(number, sealed=world.keys.seal(dict(parameters))))
    unit.due(row, until + GRACE_S)
    return jobs.start(
        unit,
        operation,
        "broker-operation",
        row,
        delay_s,
        within_s=until - moment + 2 * GRACE_S,
        kind=row.KIND,
        guid=str(row.guid),
        number=number,
    )


def done_at_once(row: Operated, description: str = "") -> None:
    """Note in a new row, which the caller puts, that nobody had to be asked for it."""
    moment = stamp()
    row.last_operation = {
        "type": "create",
        "state": "succeeded",
        "description": description,
        "created_at": moment,
        "updated_at": moment,
    }


def parameters(world: World, row: Operated) -> dict[str, Any] | None:
    """What the user gave the operation under way, or None."""
    try:
        sealed = Secret.get(row.pending["id"], consistent_read=True).sealed
    except Secret.DoesNotExist:
        return None
    return dict(world.keys.unseal(bytes(sealed)))


def actor_of(row: Operated) -> Actor:
    """Who wanted the operation under way."""
    return Actor(**row.pending["actor"])


@jobs.worker("broker-operation")
def _operate(world: World, work: dict[str, Any]) -> jobs.Later | None:
    kind = KINDS[work["kind"]]
    row = listing.find(kind.model, work["guid"])
    if row is None or row.pending.get("id") != work["number"]:
        return None  # it has ended well, or what it was about is gone
    if row.last_operation["state"] == "failed":
        raise BrokerError(**row.pending["error"])
    return _advance(world, kind, row)


def _advance(world: World, kind: Kind, row: Operated) -> jobs.Later | None:
    """One turn. What cannot be asked, because the broker or the space is gone, has failed."""
    try:
        outcome = _turn(world, kind, row)
    except Conflict:
        raise
    except PaasError as error:
        outcome = Outcome(FAILED, error=BrokerError(error.details[0]))
    return outcome if isinstance(outcome, jobs.Later) else _settle(world, kind, row, outcome)


def _turn(world: World, kind: Kind, row: Operated) -> Outcome | jobs.Later:
    """Ask the broker what is next to be asked, or say when."""
    pending = dict(row.pending)
    verb, phase = pending["verb"], pending["phase"]
    if (early := pending.get("not_before", 0) - now()) > MAX_EARLY_S:
        return jobs.Later(early)  # longer than a queue delays a message
    if now() > pending["until"]:
        text = "The service broker did not complete the operation within the required time."
        outcome = Outcome(FAILED, error=osb.not_completed(verb, text), orphan=verb in MAKING)
    elif phase == "call":
        waits = kind.ready(world, row)
        if isinstance(waits, jobs.Later):
            return waits
        if waits is not None:
            outcome = Outcome(FAILED, error=waits)
        else:
            outcome = osb.after_call(verb, reach.send(world, row, kind.call(world, row)))
    elif phase == "poll":
        outcome = osb.after_poll(verb, reach.send(world, row, _question(kind, row, "/last_operation")))
    else:
        outcome = osb.after_fetch(reach.send(world, row, _question(kind, row, "")))
        if outcome.state == FAILED:
            outcome = Outcome(FAILED, error=outcome.error, orphan=True)
    return outcome


def _question(kind: Kind, row: Operated, suffix: str) -> Call:
    query = kind.query(row)
    if suffix and row.pending.get("operation"):
        query = {**query, "operation": row.pending["operation"]}
    return Call("GET", f"{kind.path(row)}{suffix}", query, identity=row.pending["actor"]["guid"])


def _settle(world: World, kind: Kind, row: Operated, outcome: Outcome) -> jobs.Later | None:
    """Write what has become of it; returns when to look again, raises what it failed with."""
    pending, timers = dict(row.pending), world.config.timers
    verb = pending["verb"]
    error = outcome.error
    if outcome.state == AGAIN and now() - pending["since"] < MAX_CONCURRENCY_S:
        return jobs.Later(max(outcome.retry_after_s or 0, timers.broker_poll_s))
    unit = world.unit(pending["trace"])
    moment = stamp()
    if outcome.state == GOES_ON:
        wait = max(outcome.retry_after_s or 0, timers.broker_poll_s)
        pending["not_before"] = now() + wait
        if pending["phase"] == "call":
            pending |= {"phase": "poll", "operation": outcome.operation}
        row.pending = pending
        text = outcome.body.get("description")
        row.last_operation = {
            **row.last_operation,
            "description": text[: osb.MAX_TEXT] if isinstance(text, str) else "",
            "updated_at": moment,
        }
        unit.put(row)
        _commit(world, unit, kind, row, verb)
        return jobs.Later(wait)
    if outcome.state == DONE and verb == BIND and kind.has_result and pending["phase"] == "poll":
        row.pending = pending | {"phase": "fetch"}
        unit.put(row)
        _commit(world, unit, kind, row, verb)
        return _advance(world, kind, row)
    unit.delete(Secret(pending["id"]))
    unit.settled(row, pending["until"] + GRACE_S)
    if outcome.state == DONE:
        row.last_operation = {**row.last_operation, "state": "succeeded", "description": "", "updated_at": moment}
        kind.succeeded(world, unit, row, outcome.body)
        _commit(world, unit, kind, row, verb)
        return None
    error = error or BrokerError("The service broker gave no reason.")
    _fail(world, unit, kind, row, error, outcome.orphan)
    _commit(world, unit, kind, row, verb)
    raise error


def _fail(world: World, unit: Unit, kind: Kind, row: Operated, error: BrokerError, orphan: bool) -> None:
    row.last_operation = {
        **row.last_operation,
        "state": "failed",
        "description": error.details[0],
        "updated_at": stamp(),
    }
    row.pending = {**row.pending, "error": {"detail": error.details[0], "title": error.title, "code": error.code}}
    if orphan:
        orphans.add(world, unit, str(row.broker_guid), kind.path(row), kind.query(row))
    kind.failed(world, unit, row)


def _commit(world: World, unit: Unit, kind: Kind, row: Operated, verb: str) -> None:
    """What was taken away while its broker made it (a purge, a space that goes) is asked back."""
    try:
        unit.commit()
    except Conflict:
        if verb in MAKING and listing.find(kind.model, str(row.guid)) is None:
            left = world.unit()
            orphans.add(world, left, str(row.broker_guid), kind.path(row), kind.query(row))
            left.commit()
        raise


def ended(row: Operated) -> None:
    """For ``succeeded``: there is nothing under way any more."""
    row.pending = {}


def expired(world: World, kind_name: str, guid: str) -> None:
    """The sweep: an operation whose worker was lost fails, and what the broker made of it is asked back."""
    kind = KINDS[kind_name]
    row = listing.find(kind.model, guid)
    if row is None or not row.is_busy or now() < row.pending["until"]:
        return
    unit, verb = world.unit(), row.pending["verb"]
    error = osb.not_completed(verb, "The operation did not end within the required time.")
    unit.delete(Secret(row.pending["id"]))
    _fail(world, unit, kind, row, error, verb in MAKING)
    unit.commit()
