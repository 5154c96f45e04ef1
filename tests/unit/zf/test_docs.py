"""Commands that the docs tell people to type are there."""

import re
from collections.abc import Iterator
from pathlib import Path

import click
import pytest

from zf.cli import COMMANDS, cli

DOCS = Path(__file__).parents[3] / "docs"

#: Code between backticks, and lines after a prompt.
CODE = re.compile(r"`([^`\n]+)`|^\s*[$#] (.+)$", re.M)


def typed(text: str) -> Iterator[list[str]]:
    """The words after ``zf`` in each command, up to what is no name of one."""
    for match in CODE.finditer(text):
        for said in re.findall(r"(?:^|[ /;&])zf ((?:[a-z][a-z-]* ?)+)", match[1] or match[2]):
            yield said.split()


@pytest.mark.parametrize("page", sorted(page.name for page in DOCS.glob("*.md")))
def test_every_command_of_a_page_is_there(page: str) -> None:
    unknown = []
    for words in typed((DOCS / page).read_text()):
        found = cli.get_command(click.Context(cli), words[0]) if words[0] in COMMANDS else None
        if found is None or (
            isinstance(found, click.Group) and words[1:] and found.get_command(click.Context(found), words[1]) is None
        ):
            unknown.append(" ".join(words))
    assert unknown == []


def test_operators_are_told_of_all_that_they_have() -> None:
    pages = (DOCS / "operate.md").read_text() + (DOCS / "hybrid.md").read_text()
    admin = cli.get_command(click.Context(cli), "admin")
    assert isinstance(admin, click.Group)
    assert [name for name in admin.commands if f"zf admin {name}" not in pages] == []
