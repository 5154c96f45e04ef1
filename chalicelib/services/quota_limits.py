"""Quotas reach those that have them: as limits in their counter rows.

A quota's row is written first. Whoever gives it to somebody afterwards writes the row, too, so that he does it under
the fields that he has seen; who had it before is in the quota's list, which is read then. So no counter keeps an
old limit, whatever comes at the same moment, and a charge is never without one.
"""

from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from typing import Any

from pynamodb.expressions.update import Action

from chalicelib.bootstrap import World
from chalicelib.core import quotas as core
from chalicelib.core.errors import Conflict, Unprocessable
from chalicelib.services import jobs, listing, quotas
from chalicelib.tables.identity import Organization, Space
from chalicelib.tables.quotas import Counter, OrganizationQuota, SpaceQuota
from chalicelib.tables.unit import Unit

Quota = OrganizationQuota | SpaceQuota
Holder = Organization | Space

#: Holders that are given a quota in one transaction: each costs its row, its counter, two memberships and an event.
GIVEN_AT_ONCE = 15
#: Holders whose limits are changed while the administrator waits; a job does it for more.
CHANGED_AT_ONCE = 200
#: How often a counter is tried that others give another quota meanwhile.
ATTEMPTS = 10

UNLIMITED_LOGS = "Current usage exceeds new quota values. "


def scope_of(holder: Holder) -> str:
    guid = str(holder.guid)
    return quotas.org_scope(guid) if isinstance(holder, Organization) else quotas.space_scope(guid)


def holders(quota: Quota) -> list[str]:
    """Guids of the organizations or spaces that have the quota, in order of creation."""
    kind = Organization.KIND if isinstance(quota, OrganizationQuota) else Space.KIND
    return [member.guid for member in listing.members([f"quota/{quota.guid}/{kind}"])]


def all_holders(found: Sequence[Quota]) -> dict[str, list[str]]:
    """The same of many quotas at once, by guid."""
    with ThreadPoolExecutor(max_workers=8) as pool:
        return dict(zip((str(quota.guid) for quota in found), pool.map(holders, found), strict=True))


def give(unit: Unit, quota: Quota, holder: Holder) -> bool:
    """Add to ``unit`` that the holder has this quota from now on; whether anything changes.

    The unit must also write the quota's row. Raises Unprocessable where apps log without a limit that it sets.
    """
    counter = _counter(holder)
    if counter.quota_guid == quota.guid:
        return False
    limits = core.limits(quota.fields)
    if limits["unlimited_logs"] == 0 and counter.used["unlimited_logs"]:
        what = "org(s)" if isinstance(holder, Organization) else "space(s)"
        raise Unprocessable(
            f"{UNLIMITED_LOGS}The {what} being assigned this quota contain apps running with an unlimited log rate "
            "limit."
        )
    _move(unit, holder, counter, limits, str(quota.guid), int(quota.rev or 0) + 1)
    return True


def take_away(unit: Unit, space: Space) -> None:
    """Add to ``unit`` that the space has no quota any more."""
    _move(unit, space, _counter(space), core.limits({}), None, 0)


def _move(unit: Unit, holder: Holder, counter: Counter, limits: dict[str, int], quota: str | None, rev: int) -> None:
    if holder.quota_guid and holder.quota_guid != quota:
        unit.leave(holder, f"quota/{holder.quota_guid}")
    holder.quota_guid = quota
    if quota:
        unit.join(holder, f"quota/{quota}")
    unit.put(holder)
    _relimit(unit, counter, limits, quota or "", rev)


def _counter(holder: Holder) -> Counter:
    counter = quotas.find(scope_of(holder))
    if counter is None:
        raise Conflict  # it is being deleted: whoever begins anew will not find it
    return counter


def _relimit(unit: Unit, counter: Counter, limits: dict[str, int], quota_guid: str, rev: int) -> None:
    """Set new limits: what is left changes by as much, so that charges of the same moment are not lost."""
    actions: list[Action] = [
        Counter.quota_guid.set(quota_guid),
        Counter.quota_rev.set(rev),
        Counter.largest_mb.set(limits["largest_mb"]),
    ]
    used, left = counter.used, counter.left
    for kind, amount in used.items():
        change = limits[kind] - (amount + left[kind])
        if change:
            actions.append(getattr(Counter, f"left_{kind}").add(change))
    same = (Counter.quota_guid == counter.quota_guid) & (Counter.quota_rev == counter.quota_rev)
    unit.update(Counter(str(counter.scope)), actions, same)


def check_logs(quota: Quota, fields: dict[str, Any]) -> None:
    """Raises Unprocessable when ``fields`` would limit the logs of who has apps that log without a limit."""
    if core.limits(fields)["unlimited_logs"] or core.limits(quota.fields)["unlimited_logs"] == 0:
        return
    guids = holders(quota)
    found: list[Organization] | list[Space]
    if isinstance(quota, OrganizationQuota):
        found, word = listing.load(Organization, guids), "org"
    else:
        found, word = listing.load(Space, guids), "space"
    rows = {str(row.scope): row for row in _counters([scope_of(holder) for holder in found])}
    names = sorted(
        str(holder.name)
        for holder in found
        if scope_of(holder) in rows and rows[scope_of(holder)].used["unlimited_logs"]
    )
    if not names:
        return
    shown = "', '".join(names[:2])
    if len(names) == 1:
        who = f"{word} '{shown}' which contains"
    elif len(names) == 2:
        who = f"{word}s '{shown}' which contain"
    else:
        who = f"{word}s '{shown}' and {len(names) - 2} other {word}s which contain"
    raise Unprocessable(
        f"{UNLIMITED_LOGS}This quota is applied to {who} apps running with an unlimited log rate limit."
    )


def _counters(scopes: list[str]) -> list[Counter]:
    return list(Counter.batch_get(scopes, consistent_read=True)) if scopes else []


def spread_later(unit: Unit, quota: Quota) -> str:
    """Owe the counters the quota's new fields; returns the guid of the job that ``spread`` does at once."""
    return str(
        jobs.start(unit, f"{quota.KIND}.update", "spread-quota", delay_s=5, kind=quota.KIND, guid=quota.guid).guid
    )


def spread(world: World, quota: Quota, job_guid: str) -> None:
    """Do it now where the holders are few."""
    if len(holders(quota)) <= CHANGED_AT_ONCE:
        with suppress(Conflict):  # the queue has it: the quota's change stands, and must not be begun anew
            jobs.run(world, job_guid)


@jobs.worker("spread-quota")
def _spread(world: World, work: dict[str, Any]) -> None:
    quota: Quota | None
    if work["kind"] == OrganizationQuota.KIND:
        quota, scope = listing.find(OrganizationQuota, work["guid"]), quotas.org_scope
    else:
        quota, scope = listing.find(SpaceQuota, work["guid"]), quotas.space_scope
    if quota is None:
        return
    for guid in holders(quota):
        _bring(world, quota, scope(guid))


def _bring(world: World, quota: Quota, scope: str) -> None:
    """Bring one counter up to the quota's revision."""
    for _ in range(ATTEMPTS):
        counter = quotas.find(scope)
        if counter is None or counter.quota_guid != quota.guid or int(counter.quota_rev) >= int(quota.rev):
            return None
        unit = world.unit()
        _relimit(unit, counter, core.limits(quota.fields), str(quota.guid), int(quota.rev))
        try:
            return unit.commit()
        except Conflict:
            continue
    raise Conflict
