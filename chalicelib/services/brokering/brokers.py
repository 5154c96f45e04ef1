"""Service brokers: registered, changed, taken away; their catalogs are fetched by jobs."""

from typing import Any

from chalicelib.adapters import osb as wire
from chalicelib.adapters.clock import new_guid
from chalicelib.bootstrap import World
from chalicelib.core import catalog, osb
from chalicelib.core.errors import NameTaken, NotFound, PaasError, Unprocessable
from chalicelib.core.osb import Call
from chalicelib.core.roles import WRITE, Actor
from chalicelib.services import access, audit, flags, jobs, listing, secrets
from chalicelib.services.brokering import offerings, reach, visibility
from chalicelib.tables.identity import Secret, Space
from chalicelib.tables.ledger import Job
from chalicelib.tables.services import Orphan, ServiceBroker, ServiceOffering, ServicePlan
from chalicelib.tables.unit import Unit

SCOPE = "service_brokers"
WRONG_SPACE = "Invalid space. Ensure that the space exists and you have access to it."
BUSY = "Cannot update a broker when other operation is already in progress"
#: A broker's ``change`` while it goes.
DELETING = "delete"


def taken() -> NameTaken:
    return NameTaken("Name must be unique")


def find_visible(actor: Actor, guid: str) -> ServiceBroker:
    """Raises NotFound."""
    broker = listing.get(ServiceBroker, guid)
    if not visibility.may_see_broker(actor, broker):
        raise NotFound(ServiceBroker.LABEL)
    return broker


def require_change(actor: Actor, broker: ServiceBroker) -> None:
    """Raises NotAuthorized."""
    if not visibility.may_change(actor, broker.space_guid):
        access.require_admin(actor)


def create(world: World, actor: Actor, broker: ServiceBroker, credentials: dict[str, str], trace: str = "") -> Job:
    """``broker``: a draft; it is there at once, what it offers once the job has fetched its catalog.

    Raises NotAuthorized, Unprocessable, NameTaken.
    """
    if broker.space_guid:
        try:
            access.space_for(actor, str(broker.space_guid), WRITE)
        except NotFound:
            raise Unprocessable(WRONG_SPACE) from None
        flags.require(actor, "space_scoped_private_broker_creation")
    else:
        access.require_admin(actor)
    broker.guid = new_guid()
    unit = world.unit(trace)
    if broker.space_guid:
        unit.require(Space, str(broker.space_guid), Unprocessable(WRONG_SPACE))
    unit.claim(SCOPE, str(broker.name), str(broker.guid), taken())
    secrets.write(world, unit, str(broker.guid), credentials)
    job = _synchronize(unit, broker, "service_broker.catalog.synchronize", trace)
    unit.create(broker)
    _record(unit, actor, broker, "create", {"name": broker.name, "broker_url": broker.url})
    unit.commit()
    return job


def _synchronize(unit: Unit, broker: ServiceBroker, operation: str, trace: str, change: str = "") -> Job:
    job = jobs.start(unit, operation, "synchronize-broker", broker, guid=str(broker.guid), change=change, trace=trace)
    broker.change = str(job.guid)
    return job


def update(
    world: World,
    actor: Actor,
    broker: ServiceBroker,
    name: str | None,
    url: str | None,
    credentials: dict[str, str] | None,
    trace: str = "",
) -> Job | None:
    """A new URL or new credentials count once the catalog has been fetched with them: the job that does it.

    Name and metadata, which the caller merged into ``broker``, count at once. Raises NameTaken, Unprocessable.
    """
    if _is_busy(broker):
        raise Unprocessable(BUSY)
    unit = world.unit(trace)
    if name is not None and name != broker.name:
        old, broker.name = str(broker.name), name
        unit.rename(broker, SCOPE, old, name, taken())
    job = None
    if url is not None or credentials is not None:
        change = new_guid()
        changes = {"url": url or str(broker.url), **(credentials or secrets.read(world, str(broker.guid)))}
        secrets.write(world, unit, change, changes)
        job = _synchronize(unit, broker, "service_broker.update", trace, change)
    unit.put(broker)
    hidden = {"authentication": "[PRIVATE DATA HIDDEN]"} if credentials else {}
    _record(unit, actor, broker, "update", {"name": name, "broker_url": url, **hidden})
    unit.commit()
    return job


def _is_busy(broker: ServiceBroker) -> bool:
    if not broker.change or broker.change == DELETING:
        return bool(broker.change)
    job = listing.find(Job, str(broker.change))
    return job is not None and job.state not in jobs.ENDED


@jobs.worker("synchronize-broker")
def _run_synchronization(world: World, work: dict[str, Any]) -> None:
    broker = listing.find(ServiceBroker, work["guid"])
    if broker is None:
        return
    change = secrets.read(world, work["change"] or str(broker.guid))
    if not change:
        return  # it was made in an earlier run
    try:
        fetched = _fetch(world, change.get("url", str(broker.url)), change, work["trace"])
        offerings.synchronize(world, broker, fetched)
    except PaasError:
        _settled(world, broker, work["change"], {})
        raise
    _settled(world, broker, work["change"], change)


def _fetch(world: World, url: str, credentials: dict[str, str], trace: str) -> list[catalog.Offering]:
    """Raises BrokerError."""
    reply = wire.send(reach.at(world, url, credentials, trace), Call("GET", "/v2/catalog"))
    if reply.status == 0:
        raise osb.no_answer(reply)
    if reply.status != 200:
        raise osb.refusal(reply)
    if reply.body is None:
        raise osb.malformed(reply, "the catalog is not a JSON object")
    return catalog.parse(reply.body)


def _settled(world: World, broker: ServiceBroker, change: str, made: dict[str, str]) -> None:
    unit = world.unit()
    broker.change = None
    if change:
        unit.delete(Secret(change))
    if change and made:
        broker.url = made["url"]
        secrets.write(world, unit, str(broker.guid), {name: made[name] for name in ("username", "password")})
    unit.put(broker)
    unit.commit()


def delete(world: World, actor: Actor, broker: ServiceBroker, trace: str = "") -> Job:
    """As a job. Raises Unprocessable while there are instances of what it offers."""
    _refuse_used(broker)
    unit = world.unit(trace)
    broker.change = DELETING
    unit.put(broker)
    job = jobs.start(unit, "service_broker.delete", "delete-broker", broker, guid=str(broker.guid))
    _record(unit, actor, broker, "delete", {})
    unit.commit()
    return job


def _refuse_used(broker: ServiceBroker) -> None:
    if listing.members([f"broker/{broker.guid}/service_instances"]):
        raise Unprocessable(f"Can not remove brokers that have associated service instances: {broker.name}")


@jobs.worker("delete-broker")
def _delete(world: World, work: dict[str, Any]) -> jobs.Later | None:
    """Since it was marked no instance can be made; one that was made just before that keeps the broker.

    It stays for as long as it has to be asked for what it may still hold.
    """
    broker = listing.find(ServiceBroker, work["guid"])
    if broker is None:
        return None
    try:
        _refuse_used(broker)
    except Unprocessable:
        _settled(world, broker, "", {})
        raise
    if listing.members([f"broker/{broker.guid}/{Orphan.KIND}"]):
        return jobs.Later(world.config.timers.orphan_retry_s)
    remove(world, broker)
    return None


def remove(world: World, broker: ServiceBroker) -> None:
    """With all that it offers; it has no instances any more. May be repeated."""
    guid = str(broker.guid)
    for plan in listing.all_of(ServicePlan, f"broker/{guid}/service_plans"):
        _take_away(world, plan)
    for offering in listing.all_of(ServiceOffering, f"broker/{guid}/service_offerings"):
        _take_away(world, offering)
    unit = world.unit()
    unit.delete(Secret(guid))
    unit.release(SCOPE, str(broker.name))
    unit.remove(broker)
    unit.commit()


def _take_away(world: World, resource: ServicePlan | ServiceOffering) -> None:
    unit = world.unit()
    unit.remove(resource)
    unit.commit()


def remove_from_space(world: World, space_guid: str, trace: str = "") -> None:
    """The brokers that only this space has, by jobs; their instances, which were in it, are gone. May be repeated."""
    for broker in listing.all_of(ServiceBroker, f"space/{space_guid}/service_brokers"):
        if broker.change != DELETING:
            delete(world, audit.SYSTEM, broker, trace)


def _record(unit: Unit, actor: Actor, broker: ServiceBroker, verb: str, request: dict[str, Any]) -> None:
    space = listing.find(Space, str(broker.space_guid)) if broker.space_guid else None
    org = str(space.org_guid) if space else None
    audit.record(unit, actor, f"audit.service_broker.{verb}", broker, broker.space_guid, org, {"request": request})
