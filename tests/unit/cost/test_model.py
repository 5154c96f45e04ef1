"""The model of costs: what must hold whatever was measured, and that the pages show what it says."""

from dataclasses import replace
from pathlib import Path
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.timers import Timers
from chalicelib.tables.packed import PackedAttribute
from infra.cost import quantities, units
from infra.cost.__main__ import PAGES, renewed
from infra.cost.model import CONTROL, HOSTS, Choices, Model, Scenario, causes, control, lines
from infra.cost.tables import AIMS, SCENARIOS, after_free, documents, model

MODEL = model()
RATES = st.floats(0, 1000)
SCENES = st.builds(
    Scenario,
    st.just("any"),
    instances=st.integers(0, 300_000),
    deas=st.integers(1, 2_000),
    routers=st.integers(1, 50),
    instances_per_app=st.floats(1, 100),
    pushes_per_app=st.floats(0, 50),
)


def cost(scenario: Scenario) -> float:
    return control(MODEL.entries(scenario))


@given(SCENES, st.integers(0, 5_000))
def test_more_instances_never_cost_less(scenario: Scenario, more: int) -> None:
    assert cost(replace(scenario, instances=scenario.instances + more)) >= cost(scenario) * (1 - 1e-9)


@given(SCENES, st.integers(1, 20))
def test_more_routers_never_cost_less(scenario: Scenario, more: int) -> None:
    assert cost(replace(scenario, routers=scenario.routers + more)) >= cost(scenario) * (1 - 1e-9)


@given(SCENES, st.integers(2, 5))
def test_more_hosts_with_as_many_instances_each_never_cost_less(scenario: Scenario, times: int) -> None:
    larger = replace(scenario, deas=times * scenario.deas, instances=times * scenario.instances)
    assert cost(larger) >= cost(scenario) * (1 - 1e-9)


@given(SCENES, st.integers(2, 9))
def test_hosts_disks_and_their_addresses_are_linear(scenario: Scenario, times: int) -> None:
    larger = replace(scenario, deas=times * scenario.deas, routers=times * scenario.routers, zones=0)
    one, many = lines(MODEL.entries(replace(scenario, zones=0))), lines(MODEL.entries(larger))
    assert [many["hosts"], many["addresses"]] == pytest.approx([times * one["hosts"], times * one["addresses"]])
    assert (many["load balancer"], many["DNS"], many["alarms"]) == (one["load balancer"], one["DNS"], one["alarms"])


@given(SCENES)
def test_a_price_counts_once_in_every_quantity(scenario: Scenario) -> None:
    prices = documents()["prices"]
    dearer = {name: spec | {"usd": 3 * spec["usd"]} for name, spec in prices["prices"].items()}
    triple = Model(**documents() | {"prices": {"prices": dearer}}, timers=Timers(), choices=Choices())
    assert control(triple.entries(scenario)) == pytest.approx(3 * cost(scenario))


@given(SCENES)
def test_lines_and_causes_add_up_to_the_same(scenario: Scenario) -> None:
    entries = MODEL.entries(scenario)
    assert sum(causes(entries).values()) == pytest.approx(control(entries))
    assert sum(lines(entries).values()) == pytest.approx(sum(entry.usd for entry in entries))
    assert {entry.line for entry in entries} <= {*CONTROL, *HOSTS}
    assert 0 <= after_free(entries) <= control(entries)


@given(RATES, RATES, st.integers(1, 50))
def test_polls_are_at_least_the_empty_ones_and_grow_with_the_messages(one: float, other: float, pollers: int) -> None:
    fewer, more = sorted((quantities.receives(one, pollers), quantities.receives(other, pollers)))
    assert pollers / quantities.POLL_S * (1 - 1e-9) <= fewer <= more
    assert quantities.receives(max(one, other), pollers) == pytest.approx(more)
    assert quantities.receives(one, pollers) >= one * (1 - 1e-9)


def test_an_idle_queue_costs_its_pollers() -> None:
    """Five pollers that wait 20 s: 15 receives a minute, 657,000 a month."""
    assert quantities.receives(0, 5) * 60 == pytest.approx(15)


def test_what_is_asked_for_now_and_then_is_done_at_its_interval_at_least() -> None:
    assert quantities.recurring(0, 20) == pytest.approx(1 / 20)
    assert quantities.recurring(10, 20) == pytest.approx(10)
    assert 1 / 20 < quantities.recurring(1 / 30, 20) < 1 / 20 + 1 / 30


def test_the_measured_heartbeats_come_as_often_as_their_timer_says() -> None:
    """Otherwise what is scaled by the cloud's timers is not what was measured."""
    rates = documents()["rates"]
    each_s = rates["said"]["dea.heartbeat"]["each_s"]
    assert each_s * rates["windows"][0]["deas"] == pytest.approx(rates["timers"]["heartbeat_s"], rel=0.2)


def test_every_price_has_its_unit_and_source_and_the_day_it_was_written_down() -> None:
    prices = documents()["prices"]
    assert prices["region"]
    assert prices["written"]
    assert all(spec["usd"] > 0 and spec["unit"] and spec["source"] for spec in prices["prices"].values())


def test_every_aim_is_of_an_installation_in_the_tables() -> None:
    assert set(AIMS) <= {scenario.name for scenario in SCENARIOS}


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_the_pages_have_the_tables_of_today(page: Path) -> None:
    """Otherwise: make cost WRITE=1."""
    text = page.read_text()
    assert renewed(text, PAGES[page]()) == text


def test_a_page_without_a_place_for_tables_is_refused() -> None:
    with pytest.raises(ValueError, match="no place"):
        renewed("# A page\n", "| a |\n")


def test_the_note_of_who_was_heard_is_as_large_as_reckoned() -> None:
    """What cannot be deflated of a host: its id, its boot, the number and the moment of its beat."""
    chance = Random(1)
    heard = {
        f"i-{chance.getrandbits(68):017x}": [
            f"{chance.getrandbits(128):032x}",
            chance.randrange(10**6),
            1.8e9 + 10 * chance.random(),
            1.8e9,
        ]
        for _ in range(400)
    }
    size = units.value_bytes({"B": PackedAttribute().serialize(heard)})
    assert size == pytest.approx(model().presence_bytes(400), rel=0.1)


@given(RATES, RATES)
def test_deletes_are_never_more_than_messages_nor_fewer_than_a_tenth(one: float, other: float) -> None:
    fewer, more = sorted((one, other))
    assert more / 10 <= quantities.deletes(more) <= more
    assert quantities.deletes(fewer) <= quantities.deletes(more) * (1 + 1e-9)
