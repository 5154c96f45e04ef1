"""Buildpacks that administrators have uploaded: found in their order, fetched once, used in each style."""

import asyncio
from dataclasses import replace
from pathlib import Path

import pytest

from chalicelib.contracts.staging import InstalledBuildpack
from tests.functional.staging.conftest import Desk, running
from tests.functional.staging.test_custom_buildpacks import FINAL, HEROKU, SERVE, SUPPLY

APP: dict[str, str | bytes] = {"serve.sh": SERVE}
NO: dict[str, str | bytes] = {"bin/detect": "#!/bin/sh\nexit 1\n", "bin/compile": "#!/bin/sh\n"}


def test_the_first_that_detects_stages_and_none_behind_it_is_fetched(desk: Desk, open_folder: Path) -> None:
    unreachable = InstalledBuildpack("later", url="http://127.0.0.1:9/none", digest=f"sha256:{'0' * 64}")
    order = (desk.installed("never", NO), desk.installed("ours", HEROKU), unreachable)
    finished = desk.stage(desk.request(APP, env={"COLOR": "red"}, installed=order))
    assert finished.droplet is not None, f"{finished.error_detail} {desk.log}"
    used = finished.droplet.buildpacks[0]
    assert (used.name, used.detect_output) == ("ours", "Heroku")
    with running(desk.unpacked(finished, open_folder), "./serve.sh") as get:
        assert "GREETING=from heroku\n" in get("/env")


def test_named_ones_supply_and_finalize_in_order_and_are_fetched_once(desk: Desk, open_folder: Path) -> None:
    installed = (desk.installed("supplier", SUPPLY), desk.installed("closer", FINAL))
    for _ in range(2):
        finished = desk.stage(desk.request(APP, "supplier", "closer", installed=installed))
        assert finished.droplet is not None, f"{finished.error_detail} {desk.log}"
        assert [used.name for used in finished.droplet.buildpacks] == ["supplier", "closer"]
        desk.blobs.delete("buildpacks/supplier.zip")  # the second build has it already
    with running(desk.unpacked(finished, open_folder), "./serve.sh") as get:
        assert {"SUPPLIED=yes", "FINALIZED=yes", "from supply 0"} <= set(get("/env").splitlines())
    assert not list((open_folder / "cache" / "installed").glob("fetching-*"))


def test_builds_at_the_same_time_share_one_download(desk: Desk) -> None:
    installed = (desk.installed("ours", HEROKU),)
    requests = [desk.request(APP, "ours", env={"COLOR": "x"}, installed=installed) for _ in range(2)]

    async def both() -> list[bool]:
        finished = await asyncio.gather(*(desk.stager.stage(request, desk.emit) for request in requests))
        return [result.droplet is not None for result in finished]

    assert asyncio.run(both()) == [True, True]


@pytest.mark.parametrize("digest", [f"sha256:{'0' * 64}", "sha256:../../x", None])
def test_what_is_not_what_was_uploaded_is_not_run(desk: Desk, digest: str | None) -> None:
    item = replace(desk.installed("ours", HEROKU), digest=digest)
    finished = desk.stage(desk.request(APP, "ours", installed=(item,)))
    assert finished.error_id == "StagingError"
    assert "digest" in finished.error_detail


def test_a_built_in_one_may_have_another_name_and_place(desk: Desk) -> None:
    order = (InstalledBuildpack("house_style", builtin="binary"),)
    finished = desk.stage(desk.request({"Procfile": "web: ./x\n"}, installed=order))
    assert finished.droplet is not None, desk.log
    assert finished.droplet.buildpacks[0].name == "house_style"
