"""Whose call it is, what is written down of it, and that nothing else is."""

import ast
import inspect
import json
import sys
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import botocore.session
import pytest
from botocore import handlers

from chalicelib.handlers import cc, hm
from chalicelib.services import deadlines
from chalicelib.services.brokering import operations
from infra.iam import recorder
from infra.iam.recorder import BEGINNINGS, HANDLERS, NOBODY, ROOT, SERVICES, Recorder, part_of
from infra.iam.table import FUNCTIONS

#: Modules of the HealthManager that answer questions of every handler.
HELPERS = {"rows"}


def frames(*stack: tuple[str, str], inner: Callable[[], Any] | None = None) -> Callable[[], Any]:
    """A function ``name`` of the file ``path`` for each of the stack, the outermost first, that calls the next; the
    last one gives whose call it would be, or what ``inner`` gives."""
    called: Callable[[], Any] | None = inner
    for path, name in reversed(stack):
        body = "called()" if called else "part_of(getframe())"
        scope: dict[str, Any] = {"called": called, "part_of": part_of, "getframe": sys._getframe}
        exec(compile(f"def {name}():\n    return {body}", path, "exec"), scope)
        called = scope[name]
    assert called
    return called


JOB = (f"{SERVICES}jobs.py", "run")
ENDPOINT = (f"{ROOT}/chalicelib/api/packages.py", "create")
HANDLER = (f"{HANDLERS}cc.py", "cc_jobs")
TEST = (f"{ROOT}/tests/functional/client.py", "ask")
SERVICE = (f"{SERVICES}apps.py", "create")


def test_a_handler_the_api_and_agents_are_known_by_where_their_code_lies() -> None:
    assert frames(SERVICE)() == NOBODY
    assert frames(HANDLER, SERVICE)() == "cc_jobs"
    assert frames(ENDPOINT, SERVICE)() == "api_handler"
    assert frames((f"{ROOT}/dea_agent/agent.py", "run"))() == "dea"
    assert frames((f"{ROOT}/router/table.py", "run"))() == "router"


def test_of_several_parts_it_is_the_outermost() -> None:
    """An endpoint may end a short job itself, a handler may use what is the beginning of another."""
    assert frames(JOB, SERVICE)() == "cc_jobs"
    assert frames(ENDPOINT, JOB, SERVICE)() == "api_handler"
    assert frames((f"{SERVICES}rollouts.py", "sweep"), (f"{SERVICES}rollouts.py", "check"))() == "cc_sweep"


def test_what_a_test_does_in_the_middle_is_not_the_parts() -> None:
    assert frames(TEST, JOB, SERVICE)() == "cc_jobs"
    assert frames(JOB, SERVICE, TEST, SERVICE)() == NOBODY
    assert frames((f"{ROOT}/dea_agent/agent.py", "run"), TEST, ENDPOINT, SERVICE)() == "api_handler"


def test_lambda_polls_in_the_name_of_the_function() -> None:
    scope: dict[str, Any] = {"called": frames(SERVICE)}
    exec(compile("def poll(self):\n    return called()", recorder.EVENT_SOURCE, "exec"), scope)
    assert scope["poll"](SimpleNamespace(spec=SimpleNamespace(name="hm"))) == "hm_inbox"
    assert scope["poll"](SimpleNamespace()) == NOBODY


def test_the_services_that_handlers_begin_with_are_known() -> None:
    """Or tests that call them by themselves would show nothing."""
    begun = {place(handle): "cc_inbox" for _, handle in cc.HANDLERS.values()}
    begun |= {place(end): "cc_sweep" for end in deadlines.EXPIRED.values() if "<" not in end.__qualname__}
    begun[place(operations.expired)] = "cc_sweep"
    assert begun.items() <= {**BEGINNINGS, ("deadlines", "_job_expired"): "cc_sweep"}.items()
    called = {*begun} - {("deadlines", "_job_expired")}
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


def place(function: Callable[..., Any]) -> tuple[str, str]:
    return function.__module__.partition("services.")[2].replace(".", "/"), function.__name__


def model(service: str, operation: str) -> Any:
    return SimpleNamespace(service_model=SimpleNamespace(service_name=service), name=operation)


def written(folder: Path) -> list[list[str]]:
    return [json.loads(line) for file in folder.iterdir() for line in file.read_text().splitlines()]


def test_a_kind_of_call_is_written_once_and_nobodys_never(tmp_path: Path) -> None:
    recording = Recorder(tmp_path)

    def get(*stack: tuple[str, str], name: str) -> None:
        frames(*stack, inner=partial(recording.call, {"TableName": name}, model("dynamodb", "GetItem")))()

    get(SERVICE, name="test-apps")
    assert written(tmp_path) == []
    for name in ("test-apps", "test-apps", "test-users"):
        get(HANDLER, SERVICE, name=name)
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
    check = frames((f"{SERVICES}health/full.py", "check"))
    with ThreadPoolExecutor(1) as pool:
        sweep = frames((f"{SERVICES}health/full.py", "sweep"), inner=partial(pool.submit, check))
        assert sweep().result() == "hm_full_sweep"
        assert pool.submit(check).result() == "hm_inbox"
        assert pool.submit(frames(SERVICE)).result() == NOBODY


def test_every_session_that_is_made_later_is_recorded(installed: Path) -> None:
    session = botocore.session.get_session()
    session.set_credentials("key", "secret")
    client = session.create_client("s3", region_name="us-east-1")
    sign = partial(client.generate_presigned_url, "get_object", Params={"Bucket": "test-blobs", "Key": "k"})
    assert "test-blobs" in frames(ENDPOINT, inner=sign)()
    assert ["api_handler", "s3:GetObject", "arn:aws:s3:::test-blobs/k"] in written(installed)
