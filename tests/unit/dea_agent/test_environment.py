"""The environment of an app."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from chalicelib.contracts.auction import TASK
from chalicelib.contracts.routing import OpenPort
from chalicelib.contracts.runspec import RunSpec
from dea_agent.environment import SYSTEM_PATH, SpecError, build
from tests.unit.dea_agent.builders import an_instance


def as_named(named: int, host_port: int) -> int:
    return named


def environment(vcap_application: str = "{}", **env: str) -> dict[str, str]:
    spec = RunSpec("process-1", 1, "run", env, vcap_application, '{"db": []}')
    return build(an_instance(index=2), spec, "10.0.0.7", Path("/home/vcap"), as_named, 1_700_000_000.5)


def test_the_app_is_told_where_it_is_and_how_others_reach_it() -> None:
    env = environment()
    assert (env["PORT"], env["CF_INSTANCE_PORT"], env["CF_INSTANCE_ADDR"]) == ("8080", "20000", "10.0.0.7:20000")
    assert json.loads(env["CF_INSTANCE_PORTS"]) == [{"external": 20000, "internal": 8080}]
    assert (env["HOME"], env["TMPDIR"], env["DEPS_DIR"]) == ("/home/vcap/app", "/home/vcap/tmp", "/home/vcap/deps")
    assert (env["MEMORY_LIMIT"], env["PATH"], env["USER"]) == ("256m", SYSTEM_PATH, "vcap")
    assert env["VCAP_SERVICES"] == '{"db": []}'


@pytest.mark.parametrize(("inner_port", "first", "second"), [(as_named, 9000, 9001), (max, 20000, 20001)])
def test_every_port_that_destinations_name_is_told(
    inner_port: Callable[[int, int], int], first: int, second: int
) -> None:
    spec = RunSpec("process-1", 1, "run", ports=(9000, 9001))
    instance = an_instance(ports=(OpenPort(9000, 20000), OpenPort(9001, 20001)))
    env = build(instance, spec, "10.0.0.7", Path("/home/vcap"), inner_port, 1_700_000_000.5)
    assert (env["PORT"], env["PORT_9000"], env["PORT_9001"]) == (str(first), str(first), str(second))
    told = [{"external": 20000, "internal": first}, {"external": 20001, "internal": second}]
    assert json.loads(env["CF_INSTANCE_PORTS"]) == told
    assert json.loads(env["VCAP_APPLICATION"])["port"] == first


def test_vcap_application_gets_what_only_the_host_knows() -> None:
    application = json.loads(environment('{"name": "hello", "port": 1}')["VCAP_APPLICATION"])
    assert application["name"] == "hello"
    assert (application["instance_index"], application["port"]) == (2, 8080)
    assert application["instance_id"] == application["instance_guid"] == "guid-1"
    assert application["started_at"] == "2023-11-14 22:13:20 +0000"


def test_users_variables_win_over_the_systems_but_not_over_the_platforms() -> None:
    env = environment(PATH="/mine", GREETING="hi", PORT="1", VCAP_APPLICATION="forged", HOME="/root")
    assert (env["PATH"], env["GREETING"]) == ("/mine", "hi")
    assert (env["PORT"], env["HOME"]) == ("8080", "/home/vcap/app")
    assert env["VCAP_APPLICATION"] != "forged"


def test_what_no_environment_can_hold_is_left_out() -> None:
    env = environment(**{"": "x", "A=B": "x", "NUL": "a\0b", "FINE": "="})
    assert env["FINE"] == "="
    assert not {"", "A=B", "NUL"} & env.keys()


@pytest.mark.parametrize("text", ["no json", "[]", '"text"'])
def test_a_vcap_application_that_is_no_object_is_an_error_without_its_text(text: str) -> None:
    with pytest.raises(SpecError) as error:
        environment(text)
    assert text not in str(error.value)


def test_a_task_has_neither_port_nor_index() -> None:
    spec = RunSpec("task-1", 0, "run", {"GREETING": "hi"}, '{"name": "hello"}')
    task = an_instance(work=TASK, port=0)
    env = build(task, spec, "10.0.0.7", Path("/home/vcap"), as_named, 1_700_000_000.5)
    assert (env["GREETING"], env["CF_INSTANCE_GUID"], env["MEMORY_LIMIT"]) == ("hi", "guid-1", "256m")
    assert not [name for name in env if "PORT" in name or "INDEX" in name or "ADDR" in name]
    application = json.loads(env["VCAP_APPLICATION"])
    assert application["name"] == "hello"
    assert {"instance_index", "port"}.isdisjoint(application)
