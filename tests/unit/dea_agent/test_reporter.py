"""What makes a heartbeat's digest change."""

from dataclasses import replace

from chalicelib.contracts.heartbeat import RUNNING
from dea_agent.registry import Registry
from dea_agent.reporter import digest
from tests.unit.dea_agent.builders import an_instance


def digest_of(*guids: str, state: str = RUNNING) -> str:
    registry = Registry(1024, 1024, ("cflinuxfs4",))
    for guid in guids:
        registry.put(an_instance(guid, state=state))
    return digest(registry.beats())


def test_the_digest_is_of_the_states_not_of_the_order_in_which_they_came() -> None:
    assert digest_of("a", "b") == digest_of("b", "a")


def test_any_change_changes_the_digest() -> None:
    registry = Registry(1024, 1024, ("cflinuxfs4",))
    registry.put(an_instance(state=RUNNING))
    [beat] = registry.beats()
    variants = [replace(beat, **change) for change in ({"state": "CRASHED"}, {"routes_version": 9}, {"since": 1.0})]
    assert len({digest((one,)) for one in (beat, *variants)}) == 4
