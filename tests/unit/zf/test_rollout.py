"""Strategies as flags name them, what the API is asked for, and how a deployment that is followed ends."""

import io
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from typing import Any, cast

import pytest

from zf.client.api import Api
from zf.client.errors import StartError, UnreachableError, UsageError
from zf.client.logs import Line, LogCache
from zf.client.models import App, Instance
from zf.client.runs import Deployment, Runs
from zf.console import Console
from zf.push.report import Phase
from zf.push.rollout import Strategy, chosen, follow

APP = App("app-1", "hello", "STARTED", "buildpack", (), "cflinuxfs4", "", "")
NEW = Deployment("d-1", "ACTIVE", "DEPLOYING", "rolling", "", "process-2", 0, 0, 2, "2026-11-23T12:00:00Z")
DONE = replace(NEW, value="FINALIZED", reason="DEPLOYED")
#: A second after the deployment began, in nanoseconds.
AFTER = 1_795_435_201_000_000_000


@dataclass
class FakeRuns:
    """What is seen of a deployment, look by look."""

    seen: Iterator[Deployment]

    def deployment(self, guid: str) -> Deployment:
        assert guid == NEW.guid
        return next(self.seen)


class FakeApi:
    """Two new instances, one of which runs."""

    def stats(self, process_guid: str) -> list[Instance]:
        assert process_guid == NEW.process_guid
        return [
            Instance(index, state, 0, 0.0, 0, 0, 0, 0, "", "", None)
            for index, state in enumerate(("RUNNING", "STARTING"))
        ]


@dataclass
class FakeLog:
    lines: list[Line] = field(default_factory=list)
    is_away: bool = False

    def recent(self, guid: str) -> list[Line]:
        if self.is_away:
            raise UnreachableError("The log cache is away")
        assert guid == APP.guid
        return self.lines


@dataclass
class Followed:
    """`follow` over what is seen; out: what people read."""

    log: FakeLog = field(default_factory=FakeLog)
    out: io.StringIO = field(default_factory=io.StringIO)
    label: str = ""

    def __call__(self, *seen: Deployment, step: int | None = None) -> Deployment:
        phase = Phase(Console(out=self.out, env={}), "Deploying hello")
        api, runs, log = cast(Api, FakeApi()), cast(Runs, FakeRuns(iter(seen))), cast(LogCache, self.log)
        try:
            return follow(api, runs, log, APP, NEW, phase, step)
        finally:
            self.label = phase.label


@pytest.fixture
def followed() -> Followed:
    return Followed()


def line(text: str, source: str = "APP/PROC/WEB", timestamp: int = AFTER) -> Line:
    return Line(timestamp, source, "0", "ERR", text)


@pytest.mark.parametrize(
    ("strategy", "body"),
    [
        (Strategy("rolling"), {"strategy": "rolling"}),
        (Strategy("rolling", 3), {"strategy": "rolling", "options": {"max_in_flight": 3}}),
        (
            Strategy("canary", None, (10, 50)),
            {
                "strategy": "canary",
                "options": {"canary": {"steps": [{"instance_weight": 10}, {"instance_weight": 50}]}},
            },
        ),
        (
            Strategy("rolling", 2, (), (("web_instances", 4), ("memory_in_mb", 512))),
            {"strategy": "rolling", "options": {"web_instances": 4, "memory_in_mb": 512, "max_in_flight": 2}},
        ),
    ],
)
def test_a_strategy_asks_for_what_it_names_and_nothing_more(strategy: Strategy, body: dict[str, Any]) -> None:
    assert strategy.body() == body
    assert strategy.body(droplet={"guid": "d"}) == {**body, "droplet": {"guid": "d"}}


@pytest.mark.parametrize(
    ("flags", "strategy"),
    [
        ((None, None, None), None),
        (("rolling", None, None), Strategy("rolling")),
        (("rolling", 5, None), Strategy("rolling", 5)),
        (("canary", None, None), Strategy("canary")),
        (("canary", 2, " 10, 50 ,100"), Strategy("canary", 2, (10, 50, 100))),
        (("canary", None, "10,10"), Strategy("canary", None, (10, 10))),
    ],
)
def test_flags_name_a_strategy(flags: tuple[str | None, int | None, str | None], strategy: Strategy | None) -> None:
    assert chosen(*flags) == strategy


@pytest.mark.parametrize(
    ("flags", "problem"),
    [
        ((None, 2, None), "belong to a strategy"),
        ((None, None, "10"), "belong to a strategy"),
        ((None, None, ""), "belong to a strategy"),
        (("rolling", None, "10"), "belongs to --strategy canary"),
        (("rolling", None, ""), "belongs to --strategy canary"),
    ],
)
def test_flags_that_need_a_strategy_are_nothing_without_it(
    flags: tuple[str | None, int | None, str | None], problem: str
) -> None:
    with pytest.raises(UsageError, match=problem):
        chosen(*flags)


@pytest.mark.parametrize("steps", ["", "half", "0", "101", "10,", "50,10", "-1", "1.5", "١٠", "9" * 5000, "10 50"])
def test_steps_are_percentages_that_rise(steps: str) -> None:
    with pytest.raises(UsageError, match="percentages in ascending order") as raised:
        chosen("canary", None, steps)
    assert raised.value.hint == "Such as: --instance-steps 10,50"


def test_a_deployment_that_ends_well_is_told_step_by_step(followed: Followed) -> None:
    assert followed(NEW, DONE) == DONE
    assert followed.out.getvalue() == "   hello: 1 new instance running\n"
    assert followed.label == "Deployed hello"


def test_a_deployment_without_a_new_process_is_told_by_its_reason(followed: Followed) -> None:
    followed(replace(NEW, process_guid=""), DONE)
    assert followed.out.getvalue() == "   hello: deploying\n"


def test_a_canary_that_pauses_is_left_there(followed: Followed) -> None:
    paused = replace(NEW, strategy="canary", reason="PAUSED", step=1, steps=2)
    assert followed(paused) == paused
    assert followed.label == "Paused hello at step 1 of 2"


def test_a_canary_that_goes_on_is_not_taken_for_one_that_pauses_again(followed: Followed) -> None:
    """The first look may still see the pause that `continue` has ended."""
    first = replace(NEW, strategy="canary", reason="PAUSED", step=1, steps=2)
    second = replace(first, step=2)
    assert followed(first, second, step=1) == second


def test_a_version_that_is_taken_back_fails_with_its_own_last_words(followed: Followed) -> None:
    followed.log.lines = [
        line("of before", timestamp=1),
        line("GET /", "RTR"),
        line("no such module"),
        line("exit 1", "CELL"),
    ]
    ended = replace(DONE, reason="CANCELED", error="The new version crashed 3 times before it was healthy.")
    with pytest.raises(StartError) as raised:
        followed(replace(NEW, reason="CANCELING"), ended)
    assert followed.out.getvalue() == "   hello: going back to the old version\n"
    assert raised.value.message == (
        "The new version of hello was taken back: The new version crashed 3 times before it was healthy"
    )
    assert raised.value.log == ("no such module", "exit 1")
    assert "zf logs hello --recent" in raised.value.hint


def test_a_log_that_is_away_hides_no_failure(followed: Followed) -> None:
    followed.log.is_away = True
    with pytest.raises(StartError, match=r"was taken back: It crashed$") as raised:
        followed(replace(DONE, reason="CANCELED", error="It crashed."))
    assert raised.value.log == ()


def test_one_that_somebody_cancelled_is_not_the_versions_fault(followed: Followed) -> None:
    followed.log.lines = [line("all is well")]
    with pytest.raises(StartError, match=r"^The deployment of hello was cancelled$") as raised:
        followed(replace(DONE, reason="CANCELED"))
    assert raised.value.hint == "See who did: zf events hello"
    assert raised.value.log == ()


def test_another_deployment_that_takes_over_is_no_fault_of_the_version(followed: Followed) -> None:
    followed.log.lines = [line("all is well")]
    with pytest.raises(StartError, match="Another deployment of hello has taken over") as raised:
        followed(replace(DONE, reason="SUPERSEDED"))
    assert raised.value.log == ()
