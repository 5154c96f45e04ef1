"""Examples whose packages come from registries and take a while: only when asked for, by ``make test-buildpacks``."""

import os
from pathlib import Path

import pytest

from tests.functional.staging.conftest import EXAMPLES, Desk, running

pytestmark = pytest.mark.skipif(
    not os.environ.get("ZF_TEST_BUILDPACKS"), reason="downloads a lot: make test-buildpacks runs it"
)


@pytest.mark.parametrize(
    ("example", "command", "answer"),
    [
        ("python-django", "exec gunicorn --bind 0.0.0.0:$PORT hello.wsgi:application", "Hello from python-django"),
        ("python-fastapi", "exec uvicorn --host 0.0.0.0 --port $PORT main:app", '{"hello":"python-fastapi"'),
    ],
)
def test_a_python_framework_is_staged_moved_and_run_and_staged_again_with_its_cache(
    desk: Desk, open_folder: Path, example: str, command: str, answer: str
) -> None:
    finished = desk.stage(desk.request(EXAMPLES / example))
    droplet = desk.unpacked(finished, open_folder)
    assert finished.droplet is not None
    assert finished.droplet.process_types == {"web": command}
    if example == "python-django":
        assert "Ran manage.py collectstatic" in desk.log
        assert (droplet / "app" / "static" / "style.css").exists()
    with running(droplet.rename(open_folder / "moved"), command) as get:
        assert get("/").startswith(answer)
    assert desk.stage(desk.request(EXAMPLES / example)).cache_saved
    assert "Downloaded build artifacts cache" in desk.log
