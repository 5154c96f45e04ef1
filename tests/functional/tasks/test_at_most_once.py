"""Whatever comes, in whatever order: a task begins at most once, ends once, and gives back what it held."""

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from chalicelib.contracts.auction import Bid, Discover, Offer, Start
from chalicelib.contracts.health import HmOrphan, PlacementCheck
from chalicelib.core.tasks import ENDED
from chalicelib.tables.quotas import Counter
from chalicelib.tables.running import Placement
from tests.functional.tasks.conftest import Stage

#: What may happen next; ``again`` repeats what was said last.
EVENTS = st.lists(
    st.sampled_from(["bid", "started", "refused", "finished", "cancel", "lost", "overdue", "sweep", "again"]),
    max_size=9,
)


@settings(max_examples=8, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(events=EVENTS)
def test_at_most_one_attempt_is_left_to_run(stage: Stage, org: str, events: list[str]) -> None:
    stage.said("dea.discover")
    stage.host_row()
    task = stage.created()
    discovers: list[Discover] = []
    starts: list[Start] = []
    refused: set[str] = set()
    last: list[tuple[str, object]] = []
    ended: str | None = None
    for event in [*events, "cancel", "lost", "sweep", "sweep"]:
        said: list[tuple[str, object]] = []
        match event:
            case "bid" if discovers:
                said = [("dea.bid", _bid(stage, discovers[-1]))]
            case "started" if starts:
                said = [("dea.started", stage.started(starts[-1]))]
            case "refused" if starts and starts[-1].instance_guid not in refused:
                refused.add(starts[-1].instance_guid)
                said = [("dea.refused", stage.refused(starts[-1]))]
            case "finished" if starts and starts[-1].instance_guid not in refused:
                said = [("task.finished", stage.finished(starts[-1]))]
            case "cancel":
                assert stage.cancel(task).status in (202, 422)
            case "lost":
                said = [("hm.orphan", HmOrphan(stage.host, "boot", (), (task,)))]
            case "overdue" if starts:
                for row in Placement.query(task, consistent_read=True):
                    row.deadline = 0
                    row.save()
                said = [("placement.check", PlacementCheck("task", task, 0, starts[-1].instance_guid))]
            case "sweep" if ended is None:
                stage.sweep(task)
            case "again":
                said = last
        if said:
            stage.hear(*said)
            last = said
        discovers += [message.read(Discover) for message in stage.said("dea.discover")]
        starts += stage.starts()
        # Every attempt but the newest said itself that it did not begin.
        assert {start.instance_guid for start in starts[:-1]} <= refused
        state = stage.state(task)[0]
        assert ended in (None, state)
        ended = state if state in ENDED else None
    assert ended
    assert Placement.count(task) == 0
    assert Counter.get(f"org/{org}").used_tasks == 0


def _bid(stage: Stage, discover: Discover) -> Bid:
    url = stage.queue.removeprefix("url:")
    offers = (Offer(0, 1.0),)
    return Bid(discover.auction_guid, "task", discover.work_guid, 0, stage.host, "boot", url, 1, offers)
