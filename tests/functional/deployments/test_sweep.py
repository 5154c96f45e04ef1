"""The sweep over deployments that go on: bounded, and nobody's turn is left out."""

from chalicelib.services import rollouts
from tests.functional.deployments.conftest import CANCELED, DEPLOYING, Show


def test_a_sweep_goes_on_where_the_one_before_had_no_time(show: Show) -> None:
    apps = [show.running(name) for name in ("a", "b", "c")]
    guids = [show.deployed(app) for app in apps]

    def statuses() -> list[tuple[str, str]]:
        shown = [show.show(guid)["status"] for guid in guids]
        return [(status["value"], status["reason"]) for status in shown]

    for guid in guids[1:]:
        show.expire(guid)
    rollouts.sweep(show.world, busy_s=0)
    assert statuses() == [DEPLOYING] * 3, "no time, nothing begun"
    rollouts.sweep(show.world, at_once=2)
    assert statuses() == [DEPLOYING, CANCELED, DEPLOYING]
    show.expire(guids[0])
    rollouts.sweep(show.world, at_once=2)
    assert statuses() == [DEPLOYING, CANCELED, CANCELED]
    rollouts.sweep(show.world, at_once=2)
    assert statuses() == [CANCELED] * 3, "after the last one comes the first"
    rollouts.sweep(show.world)
