"""Who may see and use which service plan. Pure: what is asked about stands in the arguments.

public: everybody, even without a login. admin: nobody but administrators. organization: members of the
organizations named. space: whoever has a role in the space of the broker that only this space has.
"""

from collections.abc import Collection

from chalicelib.core.roles import Actor

PUBLIC, ADMIN, ORGANIZATION, SPACE = "public", "admin", "organization", "space"
#: What a plan can be set to; space is what plans of a space's own broker are, and nothing else can be.
SETTABLE = (PUBLIC, ADMIN, ORGANIZATION)


def may_see(actor: Actor, visibility: str, orgs: Collection[str], is_in_space: bool, available: bool) -> bool:
    """is_in_space: the actor sees the space that the plan's broker belongs to. available: it is in the catalog."""
    if actor.sees_all:
        return True
    if not available:
        return False
    if visibility == SPACE:
        return is_in_space
    return visibility == PUBLIC or (visibility == ORGANIZATION and not actor.orgs.keys().isdisjoint(orgs))


def is_usable_in(visibility: str, orgs: Collection[str], broker_space: str | None, space: str, org: str) -> bool:
    """Whether instances of the plan may be made in a space, by whoever may make any there."""
    if visibility == SPACE:
        return broker_space == space
    return visibility == PUBLIC or (visibility == ORGANIZATION and org in orgs)
