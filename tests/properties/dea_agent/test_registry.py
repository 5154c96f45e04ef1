"""Safety of the table: whatever order messages come in, nothing is promised twice and no stop is undone."""

from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.contracts.auction import Limits, Start, Stop
from chalicelib.contracts.heartbeat import CRASHED
from dea_agent.registry import Registry, born
from tests.unit.dea_agent.builders import a_start

STARTS = st.builds(
    lambda n, process, version, memory: a_start(
        f"g{n}", process_guid=process, version=version, limits=Limits(memory, 10)
    ),
    st.integers(0, 8),
    st.sampled_from(["p1", "p2"]),
    st.integers(1, 4),
    st.sampled_from([100, 300, 700]),
)
STOPS = st.builds(
    lambda process, version, guids: Stop(process, version, tuple(guids)),
    st.sampled_from(["p1", "p2"]),
    st.none() | st.integers(1, 4),
    st.lists(st.sampled_from([f"g{n}" for n in range(9)]), max_size=2),
)
EVENTS = st.lists(
    STARTS | STOPS | st.tuples(st.just("crash"), st.sampled_from([f"g{n}" for n in range(9)])), max_size=40
)


def run(events: list[object]) -> Registry:
    registry = Registry(memory_mb=1000, disk_mb=1000, stacks=("cflinuxfs4",))
    stopped: set[str] = set()
    versions: dict[str, int] = {}
    for event in events:
        match event:
            case Start():
                if registry.is_new(event.instance_guid) and not registry.why_not(event):
                    assert event.instance_guid not in stopped
                    assert event.version > versions.get(event.process_guid, 0)
                    registry.put(born(event, 20000, None, 0.0))
            case Stop():
                stopped.update(event.instance_guids)
                versions[event.process_guid] = max(versions.get(event.process_guid, 0), event.up_to_version or 0)
                for instance in registry.note_stop(event):
                    registry.drop(instance.instance_guid)
            case ("crash", str(guid)) if guid in registry.instances:
                registry.put(replace(registry.instances[guid], state=CRASHED))
        assert 0 <= registry.reserved_memory_mb <= 1000
    return registry


@given(EVENTS)
def test_no_order_of_messages_promises_more_than_there_is_or_undoes_a_stop(events: list[object]) -> None:
    run(events)


@given(EVENTS)
def test_hearing_everything_a_second_time_at_once_changes_nothing(events: list[object]) -> None:
    doubled = [copy for event in events for copy in (event, event)]
    assert run(doubled).instances == run(events).instances


@given(EVENTS)
def test_nothing_that_a_stop_meant_runs_at_the_end(events: list[object]) -> None:
    registry = run(events)
    for event in events:
        if isinstance(event, Stop):
            assert not registry.note_stop(event)
