"""The bits of packages and droplets: put together or copied by jobs, looked after by the sweep, taken away.

In the end they are there, or the resource has failed and tells why.
"""

from collections.abc import Callable
from typing import Any, TypeVar

from chalicelib.adapters.blobs import BlobMissing
from chalicelib.adapters.clock import now
from chalicelib.bootstrap import World
from chalicelib.core.errors import Unprocessable
from chalicelib.services import listing
from chalicelib.tables.apps import Droplet, Package
from chalicelib.tables.identity import Secret
from chalicelib.tables.unit import Unit

AWAITING, PROCESSING, COPYING, FAILED = "AWAITING_UPLOAD", "PROCESSING_UPLOAD", "COPYING", "FAILED"
#: Of a package and of a droplet whose bits are there.
READY, STAGED = "READY", "STAGED"

#: Seconds that assembling, looking at or copying bits may take; the jobs function tries again until then.
DEADLINE_S = 1800

#: guid -> key of the blob.
Key = Callable[[str], str]
P = TypeVar("P", Package, Droplet)


def begin(unit: Unit, part: Package | Droplet, state: str) -> None:
    """Have the sweep look after it. The caller puts it."""
    part.state, part.deadline = state, now() + DEADLINE_S
    unit.due(part, part.deadline)


def end(world: World, part: Package | Droplet, error: str | None = None) -> None:
    """The bits are there, or it has failed with a reason."""
    done = READY if isinstance(part, Package) else STAGED
    part.state, part.error = (FAILED, error) if error else (done, None)
    unit = world.unit()
    unit.put(part)
    _settle(unit, part)
    unit.commit()


def _settle(unit: Unit, part: Package | Droplet) -> None:
    if part.deadline:
        unit.settled(part, float(part.deadline))


def expired(world: World, model: type[P], guid: str) -> None:
    """The sweep found its deadline passed."""
    part = listing.find(model, guid)
    if part is not None and part.state in (PROCESSING, COPYING):
        end(world, part, f"The {model.LABEL.lower()} was not put together in its time. Upload or copy it again.")


def copy(world: World, model: type[P], work: dict[str, Any], key: Key) -> None:
    """The job: once more gives the same bits. work: the guids, and the source's. Raises Unprocessable."""
    part = listing.find(model, work["guid"])
    if part is None or part.state != COPYING:
        return
    try:
        world.blobs.copy(key(work["source"]), key(work["guid"]))
    except BlobMissing:
        end(world, part, f"The source {model.LABEL.lower()} has no bits any more.")
        raise Unprocessable(str(part.error)) from None
    end(world, part)


def remove(world: World, part: Package | Droplet, key: Key, trace: str = "") -> None:
    """With its bits, and with the password of its registry if it has one."""
    world.blobs.delete(key(str(part.guid)))
    unit = world.unit(trace)
    unit.remove(part)
    unit.delete(Secret(str(part.guid)))
    _settle(unit, part)
    unit.commit()
