"""What a deployment does next. Pure: the web processes of an app and how their places do, in; a step, out.

One process rises, the others fall: in a deployment the new one rises; in one that is taken back the old one that is
kept. The same rule carries both. It knows nothing of messages: whatever comes twice, late or never, the next look
finds the same places and says the same.

Safety: a place that serves is given up only when as many as are wanted serve without it; at most ``max_in_flight``
places of the rising process are on their way. Liveness: who makes no progress until the deadline is taken back, and
who is being taken back is ended at the deadline.
"""

from collections.abc import Sequence
from dataclasses import field

from chalicelib.contracts.frozen import frozen

#: States of a deployment. PREPAUSED: on its way to the pause of a canary.
DEPLOYING, PREPAUSED, PAUSED, CANCELING = "DEPLOYING", "PREPAUSED", "PAUSED", "CANCELING"
DEPLOYED, CANCELED = "DEPLOYED", "CANCELED"
#: What ``status.value`` says of it, and a reason that is no state.
ACTIVE, FINALIZED, SUPERSEDED = "ACTIVE", "FINALIZED", "SUPERSEDED"
ROLLING, CANARY = "rolling", "canary"

#: Crashes of one place without progress after which the version is given up: those that cost no delay, and no more.
CRASHES = 3
#: However many places are on their way, so many crashes are enough.
ENOUGH_CRASHES = 30


@frozen
class Stage:
    """A goal: the rising process has ``target`` places that serve, the others keep at least ``kept``."""

    target: int
    kept: int = 0


@frozen
class Web:
    """A web process. places: by index, since when it serves (epoch s); None while it does not."""

    guid: str
    places: tuple[float | None, ...] = ()


@frozen
class Scene:
    """What there is. falling: in order of creation. wanted: places that are to serve all the time.

    healthy: the most places of the rising process that were seen to serve. crashes: of its instances since then.
    deadline: epoch s, by which there must be progress. settle_s: from serving until all routers know of it.
    """

    state: str
    rising: Web
    falling: tuple[Web, ...]
    wanted: int
    max_in_flight: int
    stage: Stage
    healthy: int
    crashes: int
    deadline: float
    settle_s: float
    now: float


@frozen
class Step:
    """What to do. scale: process guid -> instances, of those that change. healthy: see Scene.

    is_done: the goal is reached, or given up while it was being taken back: what is left is to clear away.
    crashed, late: why the state became CANCELING. wake_at: epoch s when a place will have settled.
    """

    state: str
    scale: dict[str, int] = field(default_factory=dict)
    healthy: int = 0
    is_done: bool = False
    crashed: bool = False
    late: bool = False
    wake_at: float | None = None

    def changes(self, scene: Scene) -> bool:
        """Whether there is anything to write."""
        return bool(self.scale) or self.is_done or self.state != scene.state or self.healthy > scene.healthy


def stages(strategy: str, weights: Sequence[int] | None, original: int, wanted: int) -> list[Stage]:
    """Where a canary pauses, in order; none for a rolling deployment. weights: per cent of the instances.

    Cloud Foundry's plan: without weights one instance beside all others; with them a share of the instances, at
    least one, and one more than the rest of the old ones, but none of them at 100.
    """
    if strategy != CANARY:
        return []
    if not weights:
        return [Stage(1, original)]
    base = min(original, wanted)

    def stage(weight: int) -> Stage:
        target = max(1, int(base * weight / 100 + 0.5))
        return Stage(target, 0 if weight == 100 else max(0, base - target + 1))

    return [stage(weight) for weight in weights]


def crash_limit(max_in_flight: int, target: int) -> int:
    """Crashes without progress after which a version is given up."""
    return min(CRASHES * max(1, min(max_in_flight, target)), ENOUGH_CRASHES)


def next_step(scene: Scene) -> Step:
    """What to do now."""
    if scene.state == PAUSED:
        return Step(PAUSED, healthy=scene.healthy)
    settled, wake_at = _settled(scene.rising, scene)
    target = scene.stage.target
    healthy = max(scene.healthy, settled)
    reached = settled >= target
    late = not reached and scene.now >= scene.deadline and healthy == scene.healthy
    if scene.state != CANCELING and not reached:
        crashed = scene.crashes >= crash_limit(scene.max_in_flight, target)
        if crashed or late:
            return Step(CANCELING, healthy=healthy, crashed=crashed, late=late and not crashed)
    if scene.state == CANCELING and late:
        return Step(CANCELING, healthy=healthy, is_done=True)
    scale = _lowered(scene, settled)
    present = len(scene.rising.places)
    if present < (up := min(settled + scene.max_in_flight, target)):
        scale[scene.rising.guid] = up
    pauses = reached and scene.state == PREPAUSED
    return Step(
        PAUSED if pauses else scene.state,
        scale,
        healthy,
        is_done=reached and not pauses,
        wake_at=wake_at,
    )


def _settled(web: Web, scene: Scene) -> tuple[int, float | None]:
    """How many of its places serve and are known to all routers, and when the next one will be."""
    ripe = [since + scene.settle_s for since in web.places if since is not None]
    later = [moment for moment in ripe if moment > scene.now]
    return len(ripe) - len(later), min(later, default=None)


def _lowered(scene: Scene, settled: int) -> dict[str, int]:
    """The falling processes that get smaller. Highest indices go first, where possible such as serve nobody."""
    left = {
        web.guid: [since is not None and since + scene.settle_s <= scene.now for since in web.places]
        for web in scene.falling
    }
    before = {guid: len(places) for guid, places in left.items()}
    goal = max(scene.wanted - settled, scene.stage.kept)
    serving = settled + sum(map(sum, left.values()))
    while sum(map(len, left.values())) > goal:
        idle = next((guid for guid, places in reversed(left.items()) if places and not places[-1]), None)
        if idle is not None:
            left[idle].pop()
        elif serving > scene.wanted:
            next(places for places in left.values() if places).pop()
            serving -= 1
        else:
            break
    return {guid: len(places) for guid, places in left.items() if len(places) < before[guid]}
