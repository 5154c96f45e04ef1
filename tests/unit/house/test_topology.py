"""infra/topology.json, the one definition, agrees with the models and the handlers in the code."""

import json
import os
import pkgutil
from importlib import import_module
from pathlib import Path
from typing import Any

import pytest
from pynamodb.attributes import Attribute, NumberAttribute

from chalicelib.services.dead_letters import QUEUES

TOPOLOGY = json.loads((Path(__file__).parents[3] / "infra" / "topology.json").read_text())


def models() -> dict[str, Any]:
    os.environ.setdefault("ZF_PREFIX", "zf-test")
    from chalicelib import tables
    from chalicelib.tables.connection import Table

    for module in pkgutil.iter_modules(tables.__path__):
        import_module(f"{tables.__name__}.{module.name}")

    found = {}

    def collect(parent: Any) -> None:
        for model in parent.__subclasses__():
            if getattr(getattr(model, "Meta", None), "table_name", None):
                found[model.Meta.table_name.removeprefix(f"{os.environ['ZF_PREFIX']}-")] = model
            collect(model)

    collect(Table)
    return found


def key(attribute: Attribute[Any]) -> list[str]:
    return [attribute.attr_name, "N" if isinstance(attribute, NumberAttribute) else "S"]


def test_every_model_has_its_table_and_every_table_its_model() -> None:
    assert set(models()) == set(TOPOLOGY["tables"])


def test_keys_and_time_to_live_agree() -> None:
    for name, model in models().items():
        table = TOPOLOGY["tables"][name]
        assert table["key"]["hash"] == key(model._hash_key_attribute()), name
        range_key = model._range_key_attribute()
        assert table["key"].get("range") == (key(range_key) if range_key is not None else None), name
        assert table.get("ttl") == ("expires_at" if "expires_at" in model.get_attributes() else None), name


def test_indexes_agree() -> None:
    for name, model in models().items():
        assert {index["name"] for index in TOPOLOGY["tables"][name].get("indexes", [])} == {
            index.Meta.index_name for index in model._indexes.values()
        }, name


@pytest.mark.parametrize("kind", ["queues", "schedules"])
def test_every_queue_and_schedule_has_a_handler(kind: str) -> None:
    os.environ.setdefault("ZF_PREFIX", "zf-test")
    from chalicelib.handlers import cc, hm

    for name, entry in TOPOLOGY[kind].items():
        handler = entry.get("handler", "hm_inbox" if name == "beats" else name)  # what a quick sweep empties
        assert hasattr(cc if handler.startswith("cc_") else hm, handler), handler


def test_operators_see_the_dead_letters_of_every_queue() -> None:
    assert set(QUEUES) == set(TOPOLOGY["queues"])


def test_visibility_is_six_times_what_a_function_may_take() -> None:
    assert all(queue["visibility_s"] >= 6 * 30 for queue in TOPOLOGY["queues"].values())


def test_a_poison_message_gets_at_least_five_tries() -> None:
    assert all(queue["max_receives"] >= 5 for queue in TOPOLOGY["queues"].values())
