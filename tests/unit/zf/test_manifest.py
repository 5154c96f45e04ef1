"""manifest.yml: what is taken, and the line and sentence of each mistake."""

from pathlib import Path
from typing import Any

import pytest

from zf.client.errors import ManifestError, UsageError
from zf.push.manifest import parse
from zf.push.spec import AppSpec
from zf.push.variables import gather


def read(text: str, **variables: Any) -> tuple[AppSpec, ...]:
    return parse("manifest.yml", text, variables, Path("/src"))


def problem(text: str, **variables: Any) -> ManifestError:
    with pytest.raises(ManifestError) as raised:
        read(text, **variables)
    return raised.value


def test_an_app_keeps_its_keys_and_its_path_is_beside_the_manifest() -> None:
    (app,) = read("applications:\n- name: a\n  memory: 64M\n  path: sub\n")
    assert (app.name, app.body, app.path) == ("a", {"name": "a", "memory": "64M"}, Path("/src/sub"))


def test_an_app_without_a_path_lies_in_the_manifests_folder() -> None:
    assert read("applications:\n- name: a\n")[0].path == Path("/src")


def test_anchors_and_merges_are_resolved_and_own_keys_win() -> None:
    text = "base: &base\n  memory: 64M\n  instances: 2\napplications:\n- name: a\n  <<: *base\n  instances: 3\n"
    assert read(text)[0].body == {"name": "a", "memory": "64M", "instances": 3}


def test_a_mistake_behind_an_anchor_is_told_where_it_stands() -> None:
    text = "base: &base\n  memory: plenty\napplications:\n- name: a\n  <<: *base\n"
    assert problem(text).message.startswith("manifest.yml:2: 'memory' is \"plenty\"")


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("memory: 256", "'memory' is 256; it must be a size with a unit, such as 256M or 1G"),
        ("memory: 12 potatoes", "it must be a size with a unit"),
        ("disk_quota: 1X", "'disk_quota' is \"1X\""),
        ("instances: -1", "it must be a whole number from 0 on"),
        ("instances: true", "it must be a whole number from 0 on"),
        ("instances: '2'", "it must be a whole number from 0 on"),
        ("timeout: 0", "it must be a number of seconds from 1 on"),
        ("health-check-type: tcp", "it must be one of port, process, http, none"),
        ("health-check-http-endpoint: health", "it must be a path that begins with /"),
        ("buildpacks: python", "it must be a list of texts"),
        ("command: [a]", "it must be a text or null"),
        ("env: [a]", "it must be a mapping of NAME: value"),
        ("no-route: sometimes", "it must be true or false"),
        ("routes: [www.localhost]", "'- route: HOST.DOMAIN/PATH'"),
        ("routes: [{route: 'http://www.localhost'}]", "without http://"),
        ("services: [{label: x}]", "it must be a list of service names"),
        ("memmory: 64M", "there is no key 'memmory'; is 'memory' meant?"),
        ("processes: [{instances: 1}]", "a process is a mapping with a type: TYPE"),
        ("processes: [{type: web, memory: big}]", "'memory' is \"big\""),
    ],
)
def test_a_wrong_value_is_told_with_its_line(line: str, said: str) -> None:
    error = problem(f"applications:\n- name: a\n  {line}\n")
    assert error.message.startswith("manifest.yml:3: ")
    assert said in error.message
    assert error.hint == "Correct line 3 and push again"


def test_further_problems_are_counted_with_their_lines() -> None:
    error = problem("applications:\n- name: a\n  memory: x\n  instances: y\n- memory: 64M\n")
    assert error.message.startswith("manifest.yml:3:")
    assert error.hint.endswith("2 more problems in line 4, 5")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("", "there is no list of applications"),
        ("applications: []\n", "there is no list of applications"),
        ("aplications:\n- name: a\n", "is 'aplications' meant?"),
        ("- name: a\n", "there is no list of applications"),
        ("applications:\n- a\n", "an application is a mapping"),
        ("applications:\n- memory: 64M\n", "an application needs a name"),
        ("applications:\n- name: 5\n", "manifest.yml:2: 'name' is 5; it must be a text, in quotes if it is a number"),
        ("memory: 64M\napplications:\n- name: a\n", "'memory' belongs to an application"),
        ("applications:\n- name: a\n- name: a\n", "manifest.yml:3: the app name 'a' is used twice, first in line 2"),
        (
            "applications:\n- name: a\n  memory: 1M\n  memory: 2M\n",
            "manifest.yml:4: 'memory' is given twice, first in line 3",
        ),
        ("applications:\n- name: a\n\tmemory: 1M\n", "manifest.yml:3: this is not YAML"),
        ("applications: [", "this is not YAML"),
        ("a: 1\n---\nb: 2\n", "this is not YAML"),
        ("applications: &a\n- *a\n", "nested too deeply, or refers to itself"),
        ("applications:\n- name: a\n  no-route: true\n  routes: [{route: a.b}]\n", "'no-route' contradicts"),
        ("applications:\n- name: a\n  buildpack: x\n  buildpacks: [y]\n", "keep 'buildpacks'"),
        ("applications: !!python/object/apply:os.system [ls]\n", "this is not YAML"),
        ("x" * (1 << 21), "larger than 1 MB"),
        ("a: \x00\n", "this is not YAML"),
    ],
)
def test_a_manifest_that_makes_no_sense_is_told_in_a_sentence(text: str, said: str) -> None:
    error = problem(text)
    assert said in error.message
    assert "\n" not in error.message
    assert error.hint


def test_a_key_that_is_only_unknown_is_passed_on() -> None:
    assert read("applications:\n- name: a\n  quantum-state: up\n")[0].body["quantum-state"] == "up"


def test_variables_of_the_environment_are_texts_as_they_are_written() -> None:
    env = "A: 1.10\n    B: 007\n    C: true\n    D: 2024-01-02\n    E: text\n    F: {a: [1]}\n    G: 1e3\n"
    (app,) = read(f"applications:\n- name: a\n  env:\n    {env}")
    assert app.body["env"] == {
        "A": "1.10", "B": "007", "C": "true", "D": "2024-01-02", "E": "text", "F": '{"a": [1]}', "G": "1e3",
    }  # fmt: skip


def test_a_whole_value_takes_the_variables_type_and_a_part_its_text() -> None:
    text = "applications:\n- name: app-((stage))\n  instances: ((count))\n  env:\n    N: ((count))\n"
    (app,) = read(text, stage="dev", count=3)
    assert app.body == {"name": "app-dev", "instances": 3, "env": {"N": "3"}}


def test_variables_without_a_value_are_all_named_with_the_first_ones_line() -> None:
    error = problem("applications:\n- name: ((a))\n  memory: ((b))\n")
    assert error.message == "manifest.yml:2: the variable 'a' has no value (nor have b)"
    assert error.hint == "Give it: --var a=VALUE, or --vars-file FILE"


def test_var_wins_over_files_and_later_files_over_earlier(tmp_path: Path) -> None:
    one, two = tmp_path / "one.yml", tmp_path / "two.yml"
    one.write_text("a: 1\nb: 1\nc: 1\n")
    two.write_text("b: 2\nc: 2\n")
    assert gather(["c=3=4"], [one, two]) == {"a": 1, "b": 2, "c": "3=4"}


def test_a_variable_without_an_equals_sign_is_wrong_usage() -> None:
    with pytest.raises(UsageError):
        gather(["novalue"], [])
