"""How soon a crashed index is started again: at once a few times, then ever later.

Crashes are counted per index and version. Each crash renews the window; the window begins only when the delayed
restart is due, or a delay longer than the window would forget the very crashes that caused it.
"""

from chalicelib.contracts.frozen import frozen
from chalicelib.core.timers import Timers

#: Instances remembered as counted: more crashes of one index than this cannot be redelivered out of order.
REMEMBERED = 20


@frozen
class Policy:
    """The first ``free`` crashes are free; then ``delay_s * 2**n`` up to ``cap_s``. A quiet ``window_s`` forgives."""

    free: int
    delay_s: float
    cap_s: float
    window_s: float

    def __post_init__(self) -> None:
        if self.free < 0 or min(self.delay_s, self.cap_s, self.window_s) <= 0:
            raise ValueError(f"not a flapping policy: {self}")

    @classmethod
    def of(cls, timers: Timers) -> "Policy":
        return cls(
            int(timers.flapping_free_crashes), timers.flapping_delay_s, timers.flapping_cap_s, timers.flapping_window_s
        )

    def delay_after(self, count: int) -> float:
        """Seconds to wait after the ``count``-th crash in a row."""
        late = count - self.free
        if late <= 0:
            return 0.0
        # The exponent is bounded because floats are not: 2.0**1024 raises.
        return min(self.delay_s * 2.0 ** min(late - 1, 60), self.cap_s)


@frozen
class Crashes:
    """Of one index. guids: the last instances counted, newest last. last_at: epoch s."""

    version: int
    count: int
    last_at: float
    guids: tuple[str, ...]


def crashed(known: Crashes | None, version: int, instance_guid: str, at: float, policy: Policy) -> Crashes | None:
    """The count after one more crash; ``known`` itself when it was counted before; None when it is of a version
    that has been replaced and concerns nobody any more."""
    if known is None or version > known.version:
        return Crashes(version, 1, at, (instance_guid,))
    if version < known.version:
        return None
    if instance_guid in known.guids:
        return known
    forgiven = at - restart_at(known, policy) > policy.window_s
    count = 1 if forgiven else known.count + 1
    return Crashes(version, count, max(at, known.last_at), (*known.guids, instance_guid)[-REMEMBERED:])


def restart_at(crashes: Crashes, policy: Policy) -> float:
    """When the index may be started again (epoch s)."""
    return crashes.last_at + policy.delay_after(crashes.count)
