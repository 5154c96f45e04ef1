"""Secrets at rest: sealed values in a table of their own, which HM's role cannot read."""

from typing import Any

from chalicelib.bootstrap import World
from chalicelib.tables.identity import Secret
from chalicelib.tables.unit import Unit


def read(world: World, guid: str) -> Any:
    """The value; an empty object when there is none."""
    try:
        sealed = Secret.get(guid, consistent_read=True).sealed
    except Secret.DoesNotExist:
        return {}
    return world.keys.unseal(bytes(sealed))


def write(world: World, unit: Unit, guid: str, value: Any) -> None:
    """In a unit that also saves what the secret belongs to: its rev keeps two writers from losing a change."""
    unit.put(Secret(guid, sealed=world.keys.seal(value)))
