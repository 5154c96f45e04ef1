"""What every kind of upload is asked and told, whoever takes the bits: packages, droplets, buildpacks."""

from collections.abc import Callable
from typing import Any

from chalicelib.bootstrap import World
from chalicelib.contracts.frozen import frozen
from chalicelib.core.roles import Actor


@frozen
class Claim:
    """What has arrived. guid: for which resource. key: where the bits are; size in bytes, 0 for none.

    resources: the list of known files, if one came with a package; its place is ``list_key``, where it may be already.
    """

    guid: str
    key: str
    actor: Actor
    size: int
    filename: str
    list_key: str
    resources: list[Any] | None = None
    is_stored: bool = False


@frozen
class Intake:
    """allow: raises what a caller is to be told before a byte is read. take: gives the bits to the resource, once;
    returns it and the guid of the job that goes on with them, None when clients look at the resource itself.

    packed_bytes: what is read at most.
    """

    allow: Callable[[Actor, str], None]
    take: Callable[[World, Claim, str], tuple[Any, str | None]]
    packed_bytes: int
