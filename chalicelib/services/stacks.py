"""Stacks: which there are, and whether apps can be staged on them."""

from chalicelib.adapters.clock import new_guid
from chalicelib.bootstrap import World
from chalicelib.core import stacks as core
from chalicelib.core.errors import NameTaken, Unprocessable
from chalicelib.services import listing
from chalicelib.services.listing import Listing
from chalicelib.tables.apps import App
from chalicelib.tables.stacks import Stack

#: Within which a stack's name is unique.
SCOPE = "stacks"

#: What apps get that ask for none, and what a new cloud has.
DEFAULT = "cflinuxfs4"


def find(name: str) -> Stack | None:
    """The stack of this very name."""
    guid = listing.by_name(SCOPE, name)
    stack = listing.find(Stack, guid) if guid else None
    return stack if stack is not None and stack.name == name else None


def wrong(name: str) -> str | None:
    """Why an app cannot have this stack, or None."""
    return None if find(name) else "Stack must be an existing stack"


def check_staging(name: str, staged_before: bool) -> str | None:
    """A warning for whoever stages an app on the stack, if there is one.

    Raises Unprocessable when the stack's state does not let him. staged_before: the app has a droplet already.
    """
    stack = find(name)
    if stack is None:
        return None
    state, reason = str(stack.state), str(stack.state_reason or "")
    if refused := core.staging_refused(name, state, reason, staged_before):
        raise Unprocessable(refused)
    return core.warning(name, state, reason)


def make_default(world: World) -> None:
    """The stack of a new cloud; may be repeated."""
    if find(DEFAULT) is None:
        create(world, Stack(name=DEFAULT, description="Cloud Foundry Linux-based filesystem (Ubuntu 22.04)"))


def create(world: World, stack: Stack, trace: str = "") -> Stack:
    """``stack``: a draft. Raises NameTaken."""
    stack.guid = new_guid()
    unit = world.unit(trace)
    unit.create(stack)
    unit.claim(SCOPE, str(stack.name), str(stack.guid), NameTaken("Name must be unique"))
    unit.commit()
    return stack


def save(world: World, stack: Stack, trace: str = "") -> None:
    """What the caller changed: metadata, state, reason."""
    unit = world.unit(trace)
    unit.put(stack)
    unit.commit()


def delete(world: World, stack: Stack, trace: str = "") -> None:
    """Raises Unprocessable while there are apps on it."""
    on_it = listing.page(App, Listing([App.KIND], where=[lambda app: app.stack == stack.name], per_page=1))
    if on_it.total:
        raise Unprocessable(f"Cannot delete stack '{stack.name}' because apps are currently using the stack.")
    unit = world.unit(trace)
    unit.remove(stack)
    unit.release(SCOPE, str(stack.name))
    unit.commit()
