"""Functions called as Lambda calls them: out of the unpacked archive, by their handlers' names."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

from infra.package.chalice import ROOT
from infra.package.module import MODULE

RUNTIME = Path(__file__).with_name("runtime.py")
FUNCTIONS = json.loads((MODULE / "chalice.tf.json").read_text())["resource"]["aws_lambda_function"]
Event = dict[str, Any]


def fixture(name: str) -> Event:
    """An event as AWS sends it."""
    return dict(json.loads((ROOT / "tests" / "events" / f"{name}.json").read_text()))


def run(folder: Path, function: str, events: list[Event], env: dict[str, str]) -> subprocess.CompletedProcess[str]:
    """A process of the function's own, with no package but those in the folder."""
    python = getattr(sys, "_base_executable", sys.executable)
    return subprocess.run(
        [python, "-I", "-S", RUNTIME, folder, FUNCTIONS[function]["handler"]],
        input="\n".join(map(json.dumps, events)),
        env=env,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def call(folder: Path, function: str, *events: Event, **env: str) -> list[dict[str, Any]]:
    """What the function answered to each event. env: beside the tests' own variables."""
    own = {key: value for key, value in os.environ.items() if key.startswith(("AWS_", "ZF_"))}
    done = run(folder, function, list(events), own | env)
    assert done.returncode == 0, done.stderr
    return [json.loads(line) for line in done.stdout.splitlines()]


def asked(method: str, path: str, resource: str = "", **parts: Any) -> Event:
    """A request as API Gateway tells it; resource: the route, where path has values in it."""
    event = fixture("api_gateway")
    event |= {"resource": resource or path, "path": path, "httpMethod": method, "body": parts.get("body")}
    event["requestContext"] |= {"resourcePath": resource or path, "httpMethod": method, "path": f"/cf{path}"}
    event["headers"] |= parts.get("headers", {})
    event["multiValueHeaders"] |= {name: [value] for name, value in parts.get("headers", {}).items()}
    event["pathParameters"] = parts.get("variables")
    return event


def login(password: str) -> Event:
    form = {"Content-Type": "application/x-www-form-urlencoded", "Authorization": "Basic Y2Y6"}
    body = f"grant_type=password&username=admin&password={password.replace(' ', '+')}"
    return asked("POST", "/oauth/token", headers=form, body=body)


def messages(queue: str, *bodies: str) -> Event:
    event = fixture("sqs")
    (record,) = event["Records"]
    source = {"eventSourceARN": f"arn:aws:sqs:us-east-1:123456789012:test-{queue}"}
    event["Records"] = [record | source | {"messageId": f"m{index}", "body": body} for index, body in enumerate(bodies)]
    return event
