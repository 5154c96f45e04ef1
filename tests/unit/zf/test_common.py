"""What commands of several themes share: questions, deletions, sizes, JSON objects, lists."""

import io
import json
from pathlib import Path
from typing import cast

import click
import pytest

from zf.client.errors import ApiError, NotFoundError, UsageError, ZfError
from zf.command import Invocation
from zf.commands.common import confirm, delete, json_object, listed, megabytes, secret, working
from zf.console import Console


class Terminal(io.StringIO):
    """A standard input at which somebody types."""

    def isatty(self) -> bool:
        return True


class Seen:
    """As much of an invocation as there is to see: its output, in a pipe."""

    def __init__(self, as_json: bool = False) -> None:
        self.out = io.StringIO()
        self.console = Console(as_json, self.out, env={})

    @property
    def it(self) -> Invocation:
        return cast(Invocation, self)


@pytest.fixture
def no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdin", io.StringIO("y\n"))


def typed(monkeypatch: pytest.MonkeyPatch, text: str) -> None:
    monkeypatch.setattr("sys.stdin", Terminal(text))


@pytest.mark.usefixtures("no_terminal")
def test_without_a_terminal_a_question_is_wrong_usage_that_names_the_flag() -> None:
    """Whatever stands in the pipe: it was not typed as an answer."""
    with pytest.raises(UsageError) as raised:
        confirm(Seen().it, "Delete hello?")
    assert raised.value.hint == "Answer beforehand: -f"


def test_yes_goes_on_and_anything_else_changes_nothing(monkeypatch: pytest.MonkeyPatch) -> None:
    typed(monkeypatch, "y\n")
    confirm(Seen().it, "Delete hello?")
    for answer in ("n\n", "\n"):
        typed(monkeypatch, answer)
        with pytest.raises(ZfError, match="Nothing was changed") as raised:
            confirm(Seen().it, "Delete hello?")
        assert raised.value.exit_code == 1
    typed(monkeypatch, "")
    with pytest.raises(click.Abort):
        confirm(Seen().it, "Delete hello?")


@pytest.mark.usefixtures("no_terminal")
def test_a_secret_is_not_read_from_a_pipe() -> None:
    with pytest.raises(UsageError, match="Password is missing") as raised:
        secret("Password", "ZF_PASSWORD")
    assert raised.value.hint == "Give it by ZF_PASSWORD"


def test_what_is_found_is_removed_and_told() -> None:
    seen, removed = Seen(), list[str]()
    delete(seen.it, "App", "hello", True, lambda: "guid-1", removed.append)
    assert removed == ["guid-1"]
    assert seen.out.getvalue() == "App hello is deleted.\n"
    seen = Seen(as_json=True)
    delete(seen.it, "App", "hello", True, lambda: "guid-1", removed.append)
    assert json.loads(seen.out.getvalue()) == {"name": "hello", "deleted": True}


def test_the_question_names_what_goes_and_no_keeps_it(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    removed = list[str]()
    typed(monkeypatch, "n\n")
    with pytest.raises(ZfError, match="Nothing was changed"):
        delete(Seen().it, "Service key", "laptop", False, lambda: "guid-1", removed.append)
    assert "Delete service key laptop?" in capsys.readouterr().err
    assert removed == []


def missing() -> str:
    raise NotFoundError("App 'ghost' does not exist")


def test_what_is_not_there_is_fine_only_when_forced() -> None:
    seen, removed = Seen(), list[str]()
    delete(seen.it, "App", "ghost", True, missing, removed.append)
    assert seen.out.getvalue() == "App ghost does not exist: nothing to delete.\n"
    with pytest.raises(NotFoundError):
        delete(seen.it, "App", "ghost", False, missing, removed.append)
    assert removed == []


def test_force_hides_no_refusal() -> None:
    def refused(_: str) -> None:
        raise ApiError("You are not authorized", status=403)

    with pytest.raises(ApiError, match="not authorized"):
        delete(Seen().it, "App", "hello", True, lambda: "guid-1", refused)


def test_work_in_a_pipe_is_silent() -> None:
    seen = Seen()
    with working(seen.it, "Deleting hello"):
        pass
    assert seen.out.getvalue() == ""


@pytest.mark.parametrize(
    ("text", "count"),
    [
        ("256M", 256),
        ("256MB", 256),
        ("1g", 1024),
        (" 1.5 GB ", 1536),
        ("0.5G", 512),
        ("2T", 2 * 1024 * 1024),
        ("0.6M", 1),
        ("999999999999M", 999_999_999_999),
    ],
)
def test_sizes_are_megabytes(text: str, count: int) -> None:
    assert megabytes("-m", text) == count


@pytest.mark.parametrize(
    "text", ["", "5", "lots", "-5M", "0M", "0.4M", "64K", "1,5G", "M", "1e3M", "٣M", "9" * 400 + "M"]
)
def test_what_is_no_size_names_its_flag(text: str) -> None:
    with pytest.raises(UsageError, match=r"^-k is .* such as 256M or 1G$"):
        megabytes("-k", text)


def test_an_object_is_typed_or_in_a_file(tmp_path: Path) -> None:
    file = tmp_path / "parameters.json"
    file.write_text('{"size": 1}')
    assert json_object("-c", ' {"size": 1}') == {"size": 1}
    assert json_object("-c", str(file)) == {"size": 1}
    assert json_object("-c", None) is None


@pytest.mark.parametrize("text", ["[1]", "{", '{"a": }', "[" * 100_000])
def test_json_that_is_no_object_is_told_with_an_example(text: str) -> None:
    with pytest.raises(UsageError, match="-c must be a JSON object") as raised:
        json_object("-c", text)
    assert raised.value.hint == "Such as: -c '{\"size\": 1}'"


@pytest.mark.parametrize("content", [b"[1]", b"\xff\xfe", b""])
def test_a_file_without_an_object_is_told_alike(tmp_path: Path, content: bytes) -> None:
    file = tmp_path / "parameters.json"
    file.write_bytes(content)
    with pytest.raises(UsageError, match="-c must be a JSON object"):
        json_object("-c", str(file))


@pytest.mark.parametrize("text", ["nowhere.json", "", "x" * 5000])
def test_a_file_that_is_not_there_is_told_and_its_name_not_repeated(text: str) -> None:
    """What is no file may be a secret that was meant as JSON."""
    with pytest.raises(UsageError, match="cannot be read") as raised:
        json_object("-p", text)
    assert not text or text not in raised.value.message


def test_a_list_without_rows_says_how_to_get_one() -> None:
    seen = Seen()
    listed(seen.it, ["name"], [], "There are none. Make one: zf push NAME")
    listed(seen.it, ["name", "[count]"], [["a", "1"], ["bcde", "10"]], "There are none.")
    assert seen.out.getvalue() == "There are none. Make one: zf push NAME\nname  count\na         1\nbcde     10\n"
    seen = Seen(as_json=True)
    listed(seen.it, ["name"], [], "There are none.")
    assert seen.out.getvalue() == ""
