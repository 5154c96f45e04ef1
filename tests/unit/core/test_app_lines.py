"""Cloud Foundry's texts, as people grep for them and tools parse them."""

import json

import pytest

from chalicelib.core.app_lines import MAX_TEXT, TEXTS, line, ruby


@pytest.mark.parametrize(
    ("event", "data", "text"),
    [
        ("audit.app.create", {"request": {"name": "shop"}}, "Created app with guid a-1"),
        ("audit.app.update", {"request": {"name": "x"}}, 'Updated app with guid a-1 ({"name"=>"x"})'),
        ("audit.app.build.failed", {"build_guid": "b-1", "error": "E"}, "Staging failed for build b-1"),
        ("audit.app.process.scale", {"process_type": "web", "request": {}}, 'Scaling process: "web"'),
        (
            "audit.app.process.terminate_instance",
            {"process_type": "web", "process_index": 3},
            'Terminating process: "web", index: "3"',
        ),
        ("audit.app.process.crash", {"process_type": "web"}, 'Process has crashed with type: "web"'),
    ],
)
def test_an_event_is_told_in_the_words_of_cloud_foundry(event: str, data: dict[str, object], text: str) -> None:
    assert line(event, "a-1", data) == text


def test_the_payload_of_an_exit_is_read_by_tools_that_make_json_of_it() -> None:
    data = {"index": 0, "exit_status": None, "exit_description": 'it said "no" {app}\n'}
    told = line("app.crash", "a-1", data)
    assert told is not None
    head, _, payload = told.partition(" payload: ")
    assert head == "App instance exited with guid a-1"
    assert json.loads(payload.replace("=>", ":").replace("nil", "null")) == data


def test_what_has_no_text_or_lacks_what_its_text_names_is_not_told() -> None:
    assert line("audit.app.task.create", "a-1", {}) is None
    assert line("audit.app.process.crash", "a-1", {}) is None
    assert all(line(event, "a-1", {}) != "" for event in TEXTS)


def test_no_address_tells_how_to_get_in() -> None:
    request = {"buildpacks": ["https://me:very-secret@git.example.com/x@1", "ruby"]}
    told = line("audit.app.update", "a-1", {"request": request})
    assert told == 'Updated app with guid a-1 ({"buildpacks"=>["https://***:***@git.example.com/x@1", "ruby"]})'


def test_a_line_is_bounded_and_stays_one_line() -> None:
    told = line("audit.app.update", "a-1", {"request": {"name": "x\n" * MAX_TEXT}})
    assert told is not None
    assert len(told) == MAX_TEXT
    assert "\n" not in told


def test_values_are_written_as_ruby_prints_them() -> None:
    value = {"a": [1, 2.5, True, None], "b": {"c": "ü"}}
    assert ruby(value) == '{"a"=>[1, 2.5, true, nil], "b"=>{"c"=>"ü"}}'
