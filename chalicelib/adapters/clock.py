"""Time and ids, where they enter the control plane."""

import time
import uuid
from datetime import UTC, datetime


def now() -> float:
    """Seconds since the epoch."""
    return time.time()


def stamp(seconds: float | None = None) -> str:
    """UTC with microseconds, which sorts as text: ``2026-11-23T15:29:54.123456Z``."""
    at = datetime.fromtimestamp(time.time() if seconds is None else seconds, UTC)
    return at.strftime("%Y-%m-%dT%H:%M:%S.%fZ")


def moment(seconds: float) -> str:
    """UTC as people and clients read it: ``2026-11-23T15:29:54Z``."""
    return f"{stamp(seconds)[:19]}Z"


def new_guid() -> str:
    return str(uuid.uuid4())


def guid_from(guid: str, purpose: str) -> str:
    """Always the same one for the same guid and purpose: of what may be made twice, and must then be one."""
    return str(uuid.uuid5(uuid.NAMESPACE_OID, f"{guid}/{purpose}"))
