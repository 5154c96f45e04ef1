import time

import pytest

from chalicelib.core import start_commands as commands
from chalicelib.core.start_commands import BadProcesses


def test_a_procfile_names_processes_and_their_commands() -> None:
    text = "\ufeffweb: gunicorn app:app --bind :$PORT\n\n# a comment\n  worker-1 :  python work.py  \r\nclock:a: b\n"
    assert commands.from_procfile(text) == {
        "web": "gunicorn app:app --bind :$PORT",
        "worker-1": "python work.py",
        "clock": "a: b",
    }


@pytest.mark.parametrize("text", ["web", "web:", "web gunicorn", ": x", "a b: c", "web: " + "x" * 5000, "web: a\0b"])
def test_a_procfile_that_cannot_be_understood_is_named_by_its_line(text: str) -> None:
    with pytest.raises(BadProcesses, match="line 2 of the Procfile"):
        commands.from_procfile("ok: fine\n" + text)


def test_release_proposes_processes() -> None:
    assert commands.from_release("---\ndefault_process_types:\n  web: npm start\naddons: []\n") == {"web": "npm start"}
    assert commands.from_release("") == {}
    assert commands.from_release("--- {}\n") == {}


@pytest.mark.parametrize(
    "text", ["a: [", "just text", "- 1", "default_process_types: [web]", "default_process_types: {web: 5}", "&a [*a]"]
)
def test_a_release_that_is_not_one_is_refused(text: str) -> None:
    with pytest.raises(BadProcesses):
        commands.from_release(text)


def test_a_launch_file_lists_types_and_commands() -> None:
    text = "processes:\n- type: web\n  command: ./run\n- {type: worker, command: ./work}\n"
    assert commands.from_launch(text) == {"web": "./run", "worker": "./work"}
    for bad in ("processes: 1", "processes: [web]", "processes: [{type: web}]"):
        with pytest.raises(BadProcesses):
            commands.from_launch(bad)


def test_later_proposals_win_name_by_name() -> None:
    assert commands.merged([{"web": "a", "worker": "b"}, {"web": "c"}]) == {"web": "c", "worker": "b"}


def test_a_buildpack_says_who_it_is_or_nothing() -> None:
    assert commands.identity("name: go\nversion: 1.2.3\n") == ("go", "1.2.3")
    assert commands.identity("a: [") == (None, None)
    assert commands.identity("") == (None, None)


def test_a_procfile_full_of_blanks_is_read_in_no_time() -> None:
    begin = time.process_time()
    with pytest.raises(BadProcesses):
        commands.from_procfile("web: x" + " " * 250_000 + "y")
    assert commands.from_procfile(" " * 100_000 + "web" + " " * 100_000 + ": x" + " " * 50_000) == {"web": "x"}
    assert time.process_time() - begin < 1


def _bomb(last: str) -> str:
    """Few lines of YAML whose value, written out, would fill any memory."""
    layers = ["a0: &a0 [x]", *(f"a{i}: &a{i} [{', '.join([f'*a{i - 1}'] * 9)}]" for i in range(1, 12))]
    return "\n".join([*layers, last])


def test_aliases_that_stand_for_millions_are_refused_before_anything_is_made_of_them() -> None:
    assert commands.identity(_bomb("name: *a11")) == (None, None)
    with pytest.raises(BadProcesses, match="too large"):
        commands.from_launch(_bomb("processes: [{type: *a11, command: x}]"))
    merges = ["m0: &m0 {a: 1, b: 2}", *(f"m{i}: &m{i} {{<<: [{', '.join([f'*m{i - 1}'] * 9)}]}}" for i in range(1, 9))]
    with pytest.raises(BadProcesses, match="too large"):
        commands.from_release("\n".join(merges))
