"""Whose call it is, what is written down of it, and that nothing else is."""

import ast
import inspect
import json
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from types import FrameType, SimpleNamespace
from typing import Any

import pytest
from botocore import handlers

from chalicelib.handlers import cc, hm
from infra.iam import recorder
from infra.iam.recorder import BEGINNINGS, HANDLERS, NOBODY, ROOT, SERVICES, Recorder, part_of
from infra.iam.table import FUNCTIONS

#: Modules of the HealthManager that answer questions of every handler.
HELPERS = {"rows"}


def frame_in(path: str, name: str, inner: Callable[[], Any]) -> Any:
    """What ``inner`` gives when it is called by a function ``name`` of the file ``path``."""
    scope: dict[str, Any] = {"inner": inner}
    exec(compile(f"def {name}():\n    return inner()", path, "exec"), scope)
    return scope[name]()


def here() -> str:
    return part_of(sys._getframe())


def test_a_handler_the_api_and_agents_are_known_by_where_their_code_lies() -> None:
    assert here() == NOBODY
    assert frame_in(f"{HANDLERS}cc.py", "cc_jobs", here) == "cc_jobs"
    assert frame_in(f"{ROOT}/chalicelib/api/apps.py", "create", here) == "api_handler"
    assert frame_in(f"{ROOT}/dea_agent/agent.py", "run", here) == "dea"
    assert frame_in(f"{ROOT}/router/table.py", "run", here) == "router"
    assert frame_in(f"{SERVICES}apps.py", "create", here) == NOBODY


def test_of_several_parts_it_is_the_outermost() -> None:
    """An endpoint may end a short job itself, a handler may use what is the beginning of another."""

    def job() -> Any:
        return frame_in(f"{SERVICES}jobs.py", "run", here)

    assert job() == "cc_jobs"
    assert frame_in(f"{ROOT}/chalicelib/api/packages.py", "create", job) == "api_handler"
    assert frame_in(f"{SERVICES}rollouts.py", "sweep", job) == "cc_sweep"


def test_lambda_polls_in_the_name_of_the_function() -> None:
    def cc_inbox() -> None: ...

    source = SimpleNamespace(_handler=SimpleNamespace(func=cc_inbox))
    scope: dict[str, Any] = {"inner": here}
    exec(compile("def poll(self):\n    return inner()", recorder.EVENT_SOURCE, "exec"), scope)
    assert scope["poll"](source) == "cc_inbox"


def test_the_services_that_handlers_begin_with_are_known() -> None:
    """Or tests that call them by themselves would show nothing."""
    begun = {
        (f"{module.__name__.partition('services.')[2].replace('.', '/')}", handle.__name__): "cc_inbox"
        for module, handle in ((inspect.getmodule(handle), handle) for _, handle in cc.HANDLERS.values())
        if module
    }
    assert begun.items() <= BEGINNINGS.items()
    called = {*begun}
    for functions, prefix in ((cc, ""), (hm, "health/")):
        for node in ast.walk(ast.parse(inspect.getsource(functions))):
            match node:
                case ast.Call(
                    func=ast.Attribute(value=ast.Name(module), attr=name), args=[ast.Call(func=ast.Name("world")), *_]
                ) if module not in HELPERS:
                    called.add((prefix + module, name))
    assert called | {("health/announced", "note")} == set(BEGINNINGS)
    assert set(BEGINNINGS.values()) <= set(FUNCTIONS)
    assert all(Path(SERVICES, f"{module}.py").exists() for module, _ in BEGINNINGS)


def model(service: str, operation: str) -> Any:
    return SimpleNamespace(service_model=SimpleNamespace(service_name=service), name=operation)


def written(folder: Path) -> list[list[str]]:
    return [json.loads(line) for file in folder.iterdir() for line in file.read_text().splitlines()]


def test_a_kind_of_call_is_written_once_and_nobodys_never(tmp_path: Path) -> None:
    recording = Recorder(tmp_path)

    def get(name: str) -> Callable[[], None]:
        return lambda: recording.call({"TableName": name}, model("dynamodb", "GetItem"))

    get("test-apps")()
    assert written(tmp_path) == []
    for name in ("test-apps", "test-apps", "test-users"):
        frame_in(f"{HANDLERS}cc.py", "cc_jobs", get(name))
    place = "arn:aws:dynamodb:us-east-1:123456789012:table/test-"
    assert written(tmp_path) == [["cc_jobs", "dynamodb:GetItem", place + name] for name in ("apps", "users")]


@pytest.fixture
def installed(tmp_path: Path) -> Iterator[Path]:
    kept, submit = list(handlers.BUILTIN_HANDLERS), ThreadPoolExecutor.submit
    recorder.install(str(tmp_path))
    yield tmp_path
    handlers.BUILTIN_HANDLERS[:] = kept
    ThreadPoolExecutor.submit = submit  # type: ignore[method-assign]


def test_what_is_given_to_a_pool_of_threads_stays_its_givers(installed: Path) -> None:
    def outside(frame: FrameType | None = None) -> str:
        return str(frame_in(f"{SERVICES}health/full.py", "check", here))

    with ThreadPoolExecutor(1) as pool:
        assert frame_in(f"{HANDLERS}hm.py", "hm_full_sweep", lambda: pool.submit(outside)).result() == "hm_full_sweep"
        assert pool.submit(outside).result() == "hm_inbox"
        assert pool.submit(here).result() == NOBODY


def test_every_session_that_is_made_later_is_recorded(installed: Path) -> None:
    import botocore.session

    def sign() -> str:
        session = botocore.session.get_session()
        session.set_credentials("key", "secret")
        client = session.create_client("s3", region_name="us-east-1")
        return str(client.generate_presigned_url("get_object", Params={"Bucket": "test-blobs", "Key": "k"}))

    assert "k" in frame_in(f"{ROOT}/chalicelib/api/droplets.py", "download", sign)
    assert ["api_handler", "s3:GetObject", "arn:aws:s3:::test-blobs/k"] in written(installed)
