"""Charging organizations and spaces for what they want to have, in the transaction that wants it.

Every organization and every space has a counter row. ``charge`` adds conditional updates of both rows to a unit:
either all that the unit wants fits and is counted, or nothing of it is written. What was charged is given back by
the same numbers: a process remembers them, everything else costs what its row says.
"""

from functools import partial

from pynamodb.expressions.update import Action

from chalicelib.core import quotas
from chalicelib.core.errors import Conflict, NotFound, PaasError, Unprocessable
from chalicelib.core.quotas import KINDS, Use
from chalicelib.services import listing
from chalicelib.tables.identity import DEFAULT_QUOTA, Organization, Space
from chalicelib.tables.quotas import Counter, OrganizationQuota, SpaceQuota
from chalicelib.tables.running import Process
from chalicelib.tables.unit import Unit

#: Operations of a unit that charges, however often it does: the organization's row and the space's.
COST = 2


def org_scope(guid: str) -> str:
    return f"org/{guid}"


def space_scope(guid: str) -> str:
    return f"space/{guid}"


def charge(unit: Unit, org_guid: str, space_guid: str | None, use: Use) -> None:
    """Count ``use`` for the space and its organization; negative amounts are given back. None: the org's alone.

    Several charges of one unit become one. The unit's commit raises Unprocessable, in Cloud Foundry's words, when
    a quota does not allow it.
    """
    scopes = [org_scope(org_guid)] if space_guid is None else [org_scope(org_guid), space_scope(space_guid)]
    for scope in scopes:
        unit.tally(("counter", scope), use, partial(_settle, scope))


def _settle(scope: str, unit: Unit, use: Use) -> None:
    """Add the update that counts the sum of a unit's charges."""
    actions: list[Action] = []
    condition = Counter.scope.exists()
    for kind, amount in use.amounts().items():
        left = getattr(Counter, f"left_{kind}")
        actions += [getattr(Counter, f"used_{kind}").add(amount), left.add(-amount)]
        if amount > 0:
            condition &= left >= amount
    if use.largest_mb:
        condition &= Counter.largest_mb >= use.largest_mb
    if actions:
        unit.update(Counter(scope), actions, condition, partial(_refusal, scope, use))


def _refusal(scope: str, use: Use) -> PaasError:
    """Why the row refused ``use``. Conflict when it would not any more: the caller begins anew."""
    kind, _, guid = scope.partition("/")
    counter = find(scope)
    short = quotas.lacking(use, counter.left) if counter else []
    if not short:
        return Conflict()
    holder = listing.find(Space if kind == "space" else Organization, guid)
    name = holder.list_name if holder else guid
    return Unprocessable(quotas.refusal(use, short[0], kind == "space", name))


def find(scope: str) -> Counter | None:
    try:
        return Counter.get(scope, consistent_read=True)
    except Counter.DoesNotExist:
        return None


def settle_process(unit: Unit, process: Process) -> None:
    """Charge the difference between what the process wants now and what it was charged with. The caller saves it.

    Both are in the row, whose rev lets one writer at a time through: nothing is charged twice.
    """
    wanted = wanted_by(process)
    before = Use(**(process.charged or {}))
    change = _difference(wanted, before)
    if change != Use():
        space_guid = str(process.space_guid)
        charge(unit, org_of(space_guid), space_guid, change)
    process.charged = wanted.amounts()


def wanted_by(process: Process) -> Use:
    """What the process's desired state costs."""
    if process.state != "STARTED":
        return Use()
    return quotas.running(int(process.instances), int(process.memory_mb), int(process.log_rate_bytes))


def _difference(wanted: Use, before: Use) -> Use:
    """Whoever gives back is not asked whether his instances are too large."""
    change = wanted - before
    grows = any(amount > 0 for amount in change.amounts().values())
    return change if grows else change.without_size()


def open_org(unit: Unit, guid: str) -> None:
    """The counter of a new organization, under the default quota as it is now."""
    quota = listing.get(OrganizationQuota, DEFAULT_QUOTA)
    unit.check(OrganizationQuota, DEFAULT_QUOTA, condition=OrganizationQuota.rev == quota.rev)
    unit.put(limited(Counter(org_scope(guid)), quota))


def open_space(unit: Unit, guid: str, org_guid: str) -> None:
    """The counter of a new space: it has no quota of its own."""
    unit.put(Counter(space_scope(guid), org_guid=org_guid))


def org_of(space_guid: str) -> str:
    """The organization's guid, also while the space is being taken away. Raises NotFound("Space")."""
    counter = find(space_scope(space_guid))
    if counter is None:
        raise NotFound(Space.LABEL)
    return str(counter.org_guid)


def limited(counter: Counter, quota: OrganizationQuota | SpaceQuota | None) -> Counter:
    """The row with the quota's limits instead of those that it had; None: without any."""
    limits = quotas.limits(quota.fields if quota else {})
    counter.quota_guid, counter.quota_rev = (str(quota.guid), int(quota.rev)) if quota else ("", 0)
    counter.largest_mb = limits["largest_mb"]
    for kind, used in counter.used.items():
        setattr(counter, f"left_{kind}", limits[kind] - used)
    return counter


def close(scope: str) -> None:
    """Forget the counter of what has been deleted; to be called when nothing is left that could give back."""
    Counter(scope).delete()


def usage(scope: str) -> dict[str, int]:
    """What ``usage_summary`` shows, of ``org/<guid>`` or ``space/<guid>``."""
    counter = find(scope)
    used = counter.used if counter else dict.fromkeys(KINDS, 0)
    return {
        "started_instances": used["instances"],
        "memory_in_mb": used["memory_mb"],
        "routes": used["routes"],
        "service_instances": used["service_instances"],
        "reserved_ports": used["reserved_ports"],
        "domains": used["domains"],
        "per_app_tasks": used["tasks"],
        "service_keys": used["service_keys"],
    }
