"""Flags over manifests: which apps are pushed, and with what."""

from pathlib import Path

import pytest

from zf.client.errors import UsageError
from zf.push.flags import Flags, check, choose
from zf.push.spec import AppSpec

A = AppSpec("a", {"name": "a", "memory": "64M"}, Path("a"))
B = AppSpec("b", {"name": "b", "routes": [{"route": "b.localhost"}]}, Path("b"))


def test_without_a_manifest_a_name_is_enough() -> None:
    (app,) = choose((), "hello", Flags(memory="1G"))
    assert (app.body, app.path) == ({"name": "hello", "memory": "1G", "default-route": True}, Path())


def test_a_name_chooses_one_app_of_several() -> None:
    assert [app.name for app in choose((A, B), "b", Flags())] == ["b"]


def test_a_manifest_of_one_app_may_be_pushed_under_another_name() -> None:
    (app,) = choose((A,), "other", Flags())
    assert (app.name, app.body["name"], app.body["memory"]) == ("other", "other", "64M")


def test_a_name_that_none_of_several_apps_has_is_refused() -> None:
    with pytest.raises(UsageError, match="has no app 'c'"):
        choose((A, B), "c", Flags())


def test_flags_for_several_apps_are_refused() -> None:
    with pytest.raises(UsageError, match="The flags are for one app"):
        choose((A, B), None, Flags(memory="1G"))


def test_only_an_app_that_says_nothing_of_routes_gets_the_default_one() -> None:
    assert [app.body.get("default-route") for app in choose((A, B), None, Flags())] == [True, None]


def test_a_route_flag_replaces_the_manifests_routes() -> None:
    (app,) = choose((B,), None, Flags(no_route=True))
    assert (app.body.get("routes"), app.body["no-route"]) == (None, True)


def test_flags_go_into_the_web_process_when_the_manifest_has_one() -> None:
    web = AppSpec("a", {"name": "a", "processes": [{"type": "web", "disk_quota": "1G"}, {"type": "w"}]}, Path())
    (app,) = choose((web,), None, Flags(disk="2G", instances=0))
    assert app.body["processes"] == [{"type": "web", "disk-quota": "2G", "instances": 0}, {"type": "w"}]
    assert "disk-quota" not in app.body


def test_a_flag_replaces_either_spelling() -> None:
    (app,) = choose((AppSpec("a", {"name": "a", "disk_quota": "1G"}, Path()),), None, Flags(disk="2G"))
    assert (app.body.get("disk_quota"), app.body["disk-quota"]) == (None, "2G")


def test_null_and_default_take_command_and_buildpacks_back() -> None:
    (app,) = choose((A,), None, Flags(command="null", buildpacks=("default",)))
    assert (app.body["command"], app.body["buildpacks"]) == (None, [])


@pytest.mark.parametrize(
    "flags",
    [Flags(memory="much"), Flags(disk="1"), Flags(routes=("a b",)), Flags(no_route=True, routes=("a.b",))],
)
def test_flags_that_make_no_sense_are_refused(flags: Flags) -> None:
    with pytest.raises(UsageError):
        check(flags)
