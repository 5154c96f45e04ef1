"""How the built-in buildpacks choose among the versions that a stack offers."""

import subprocess
import sys

import pytest

from tests.functional.staging.conftest import BUILDPACKS

VERSIONS = BUILDPACKS / "common" / "versions.py"


def choose(wish: str, *offered: str) -> subprocess.CompletedProcess[str]:
    argv = [sys.executable, "-I", "-S", str(VERSIONS), "Node.js", "package.json", wish, *offered]
    return subprocess.run(argv, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("wish", "offered", "chosen"),
    [
        ("", ["9", "11"], "11"),
        ("*", ["3.1"], "3.1"),
        (">=18", ["18.1.0", "20.2.0"], "20.2.0"),
        (">=18 <20", ["18.1.0", "20.2.0"], "18.1.0"),
        ("18 - 20", ["20.19.2"], "20.19.2"),
        ("^18 || ^20", ["20.19.2"], "20.19.2"),
        ("^7.4|^8.0", ["8.2"], "8.2"),
        ("20.x", ["20.19.2", "22.1.0"], "20.19.2"),
        ("3.11.7", ["3.9", "3.11", "3.12"], "3.11"),
        ("~> 3.1", ["3.1.2"], "3.1.2"),
        ("~3.1.4", ["3.1.9", "3.2.0"], "3.1.9"),
        ("17.+", ["11", "17", "21"], "17"),
        (">= 2.7, < 4", ["3.1.2"], "3.1.2"),
        ("^0.10.3", ["0.10.5", "0.11.0"], "0.10.5"),
        ("!=3.2", ["3.1.0", "3.2.0"], "3.1.0"),
    ],
)
def test_the_newest_that_is_asked_for_is_chosen(wish: str, offered: list[str], chosen: str) -> None:
    assert choose(wish, *offered).stdout == f"{chosen}\n"


@pytest.mark.parametrize(
    ("wish", "offered", "sentence"),
    [
        (
            "99",
            ["9.1", "10.1"],
            "package.json asks for Node.js 99, and this stack offers 9.1, 10.1: ask for one of these",
        ),
        (">=20", ["18.1.0"], "package.json asks for Node.js >=20, and this stack offers 18.1.0: ask for one of these"),
        ("lts/*", ["18.1.0"], "package.json asks for Node.js 'lts/*', which is no version; this stack offers 18.1.0"),
        ("", [], "this stack has no Node.js for apps; its operator can install it"),
    ],
)
def test_what_cannot_be_had_is_one_sentence_with_the_way_out(wish: str, offered: list[str], sentence: str) -> None:
    made = choose(wish, *offered)
    assert (made.returncode, made.stdout, made.stderr.strip()) == (1, "", sentence)
