"""``python -m infra.iam check``: what it says and how it ends."""

import json
from pathlib import Path

import pytest

from infra.iam import __main__ as program
from infra.iam.record import expanded


def record(folder: Path, *lines: tuple[str, ...]) -> Path:
    (folder / "1.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    return folder


REFUSED = ("router", "sqs:DeleteQueue", "arn:aws:sqs:us-east-1:123456789012:zf-cc")


def test_what_is_refused_and_what_is_unused_is_told_and_fails(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert program.main(["check", str(record(tmp_path, REFUSED))]) == 1
    said = capsys.readouterr().out
    assert f"refused: {' '.join(REFUSED)}" in said
    assert "unused: cc_inbox" in said


def test_a_few_tests_may_add_to_the_record(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    known = json.loads(program.RECORD.read_text())
    monkeypatch.setattr(program, "RECORD", tmp_path / "recorded.json")
    program.RECORD.write_text(json.dumps({part: known[part] for part in known if part != "router"}))
    folder = record(tmp_path, *(line for line in expanded(known) if line[0] == "router"))
    assert program.main(["check", str(folder), "--add", "--write"]) == 0, capsys.readouterr().out
    assert json.loads(program.RECORD.read_text()) == known


def test_an_empty_folder_proves_nothing(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["check", str(tmp_path)]) == 1
    assert "nothing recorded" in capsys.readouterr().err


def test_other_words_are_refused(capsys: pytest.CaptureFixture[str]) -> None:
    assert program.main(["chek"]) == program.main(["check", "x", "--wirte"]) == 2
    assert "python -m infra.iam check" in capsys.readouterr().err
