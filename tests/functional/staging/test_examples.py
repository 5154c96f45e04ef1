"""Each example is staged for real, with its packages from the registries, and runs from another folder."""

import json
import shutil
from pathlib import Path

import pytest

from tests.functional.staging.conftest import EXAMPLES, Desk, running

pytestmark = pytest.mark.slow


def test_the_flask_example_is_staged_moved_and_run(desk: Desk, open_folder: Path) -> None:
    finished = desk.stage(desk.request(EXAMPLES / "python-flask"))
    droplet = desk.unpacked(finished, open_folder)
    assert finished.droplet is not None
    assert finished.droplet.process_types["web"].startswith("exec waitress-serve")
    assert finished.droplet.buildpacks[0].name == "python_buildpack"
    assert finished.droplet.buildpacks[0].buildpack_name == "python"
    assert "-----> Python Buildpack" in desk.log
    moved = droplet.rename(open_folder / "moved")
    with running(moved, finished.droplet.process_types["web"], {"MEMORY_LIMIT": "128m"}) as get:
        assert get("/") == "Hello from python-flask, instance 3\n"
        assert json.loads(get("/env"))["memory_limit"] == "128m"


def test_without_a_procfile_the_flask_example_starts_the_same_way(desk: Desk, open_folder: Path) -> None:
    app = EXAMPLES / "python-flask"
    files = {name: (app / name).read_bytes() for name in ("app.py", "requirements.txt")}
    finished = desk.stage(desk.request(files))
    assert finished.droplet is not None, desk.log
    command = finished.droplet.process_types["web"]
    assert command == "exec waitress-serve --listen=0.0.0.0:$PORT app:app"
    with running(desk.unpacked(finished, open_folder), command) as get:
        assert get("/").startswith("Hello")


def test_a_second_staging_uses_the_cache_of_the_first(desk: Desk) -> None:
    first = desk.stage(desk.request(EXAMPLES / "python-flask"))
    assert first.cache_saved, desk.log
    second = desk.stage(desk.request(EXAMPLES / "python-flask"))
    assert second.droplet is not None
    assert second.cache_saved
    assert "Downloaded build artifacts cache" in desk.log


@pytest.mark.skipif(shutil.which("npm") is None, reason="no Node.js here: apt-get install npm")
def test_the_express_example_is_staged_moved_and_run(desk: Desk, open_folder: Path) -> None:
    finished = desk.stage(desk.request(EXAMPLES / "nodejs-express"))
    droplet = desk.unpacked(finished, open_folder)
    assert finished.droplet is not None
    assert finished.droplet.process_types == {"web": "npm start"}
    moved = droplet.rename(open_folder / "moved")
    with running(moved, "npm start") as get:
        assert get("/") == "Hello from nodejs-express, instance 3\n"


def test_the_static_example_is_staged_and_served(desk: Desk, open_folder: Path) -> None:
    finished = desk.stage(desk.request(EXAMPLES / "static"))
    droplet = desk.unpacked(finished, open_folder)
    assert finished.droplet is not None
    assert finished.droplet.buildpacks[0].detect_output == "Staticfile"
    with running(droplet, finished.droplet.process_types["web"]) as get:
        assert "A static site" in get("/")
        assert "Buildpacks turn" in get("/pages/stage.html")
        assert get("/nothing").startswith("404")
        assert get("/../Staticfile").startswith("40")


def test_the_procfile_example_is_staged_and_run(desk: Desk, open_folder: Path) -> None:
    finished = desk.stage(desk.request(EXAMPLES / "procfile-worker"))
    droplet = desk.unpacked(finished, open_folder)
    assert finished.droplet is not None
    assert finished.droplet.process_types == {"web": "exec python3 server.py", "worker": "exec ./worker.sh"}
    with running(droplet, "exec python3 server.py") as get:
        assert get("/") == "Hello from instance 3\n"
