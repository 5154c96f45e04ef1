"""The help: every command is there, says the same everywhere, and its examples can be typed."""

from importlib.metadata import version

import click
import pytest

from infra.cloud.cli import cloud
from zf import VERSION
from zf.cli import COMMANDS, cli, local_group
from zf.client.errors import UsageError, ZfError
from zf.command import Command
from zf.commands.admin import admin
from zf.commands.dea import dea
from zf.words import CALLED_HERE

GROUPS = {"admin": admin, "cloud": cloud, "dea": dea}
OWN = [name for name in COMMANDS if name not in ("local", *GROUPS)]
OWN += [f"{group} {name}" for group, found in GROUPS.items() for name in found.commands]


def command(name: str) -> Command:
    group, _, rest = name.rpartition(" ")
    found = GROUPS[group].commands[rest] if group else cli.get_command(click.Context(cli), name)
    assert isinstance(found, Command)
    return found


@pytest.mark.parametrize("name", OWN)
def test_the_commands_name_in_the_table_is_its_own(name: str) -> None:
    assert command(name).name == name.rpartition(" ")[2]


@pytest.mark.parametrize("name", OWN)
def test_each_command_has_examples_that_parse(name: str) -> None:
    examples = command(name).example_args()
    assert examples
    for args in examples:
        command(name).make_context(name, list(args))


@pytest.mark.parametrize("name", OWN)
def test_each_command_has_json_and_help_for_every_option(name: str) -> None:
    options = [param for param in command(name).params if isinstance(param, click.Option)]
    assert any("--json" in option.opts for option in options)
    assert all(option.help for option in options)


def test_an_unknown_command_names_the_near_one() -> None:
    with pytest.raises(UsageError, match="There is no command 'psuh'") as raised:
        cli.main(["psuh"], standalone_mode=False)
    assert raised.value.hint == "Did you mean push?"


@pytest.mark.parametrize("word", ["ps", "PS:SCALE", "deploy", "cups"])
def test_a_command_of_another_tool_is_told_by_its_name_here(word: str) -> None:
    with pytest.raises(UsageError) as raised:
        cli.main([word], standalone_mode=False)
    assert raised.value.hint.startswith(f"Here it is: zf {CALLED_HERE[word.lower()]} ")


def test_every_word_of_another_tool_leads_to_a_command_and_hides_none() -> None:
    assert set(CALLED_HERE.values()) <= COMMANDS.keys()
    assert not CALLED_HERE.keys() & COMMANDS.keys()


@pytest.mark.parametrize("name", OWN)
def test_help_names_values_as_people_do(name: str) -> None:
    with click.Context(command(name)) as ctx:
        text = command(name).get_help(ctx)
    assert "TEXT" not in text
    assert "INTEGER" not in text


def test_the_version_is_that_of_the_package() -> None:
    assert version("zerofoundry") == VERSION


def test_a_cloud_that_is_not_installed_says_how_to_install_it() -> None:
    command = local_group("nowhere.cli")
    with pytest.raises(ZfError, match=r"nowhere is missing") as raised:
        command.main(["up", "--deas", "2"], standalone_mode=False)
    assert raised.value.hint == "Install it: pip install 'zerofoundry[local]'"
