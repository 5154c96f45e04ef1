"""What Chalice is told, and what it answers: an archive of the code with its own runtime, and Terraform."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parents[2]

#: API Gateway waits 29 s and no longer; Lambda lets nothing run longer than 900 s.
API_TIMEOUT_S, LONGEST_S = 29, 900

STAGE = "cf"


class Refused(Exception):
    """What a tool said when it failed."""


def timeouts(topology: Mapping[str, Any]) -> dict[str, int]:
    """Seconds that each function may take. A queue's visibility is six times that of its function, as AWS advises, so
    that no message comes twice because a batch was slow; a sweep has its minute."""
    queues = {
        one["handler"]: min(one["visibility_s"] // 6, LONGEST_S)
        for one in topology["queues"].values()
        if "handler" in one
    }
    return (
        {"api_handler": API_TIMEOUT_S} | queues | {name: one["rate_s"] for name, one in topology["schedules"].items()}
    )


def config(topology: Mapping[str, Any]) -> dict[str, Any]:
    """.chalice/config.json. Roles are Terraform's; the environment and what depends on the installation, too."""
    functions = {name: {"lambda_timeout": seconds} for name, seconds in timeouts(topology).items()}
    return {
        "version": "2.0",
        "app_name": "zerofoundry",
        "api_gateway_stage": STAGE,
        "api_gateway_endpoint_type": "REGIONAL",
        "manage_iam_role": False,
        "iam_role_arn": "set-by-terraform",
        "stages": {STAGE: {"lambda_functions": functions}},
    }


def project(folder: Path, topology: Mapping[str, Any]) -> None:
    """Chalice's view of a project: app.py, chalicelib, its configuration, and room for packages (``vendor``)."""
    shutil.copy(ROOT / "app.py", folder)
    shutil.copytree(ROOT / "chalicelib", folder / "chalicelib", ignore=shutil.ignore_patterns("__pycache__"))
    (folder / ".chalice").mkdir()
    (folder / ".chalice" / "config.json").write_text(json.dumps(config(topology)))
    (folder / "vendor").mkdir()


def package(folder: Path, out: Path) -> dict[str, Any]:
    """``out/deployment.zip`` of a project; returns the Terraform that Chalice would have. Raises Refused."""
    # It imports app.py, which wants to know an installation; none of it stays in what is packaged.
    env = os.environ | {"ZF_PREFIX": "zf", "AWS_DEFAULT_REGION": "us-east-1", "PYTHONDONTWRITEBYTECODE": "1"}
    command: list[str | Path] = [
        Path(sys.executable).with_name("chalice"),
        "package",
        "--stage",
        STAGE,
        "--pkg-format",
        "terraform",
        out,
    ]
    done = subprocess.run(command, cwd=folder, env=env, capture_output=True, text=True, timeout=300, check=False)
    if done.returncode or "Could not install dependencies" in done.stderr + done.stdout:
        raise Refused(done.stderr or done.stdout)
    return dict(json.loads((out / "chalice.tf.json").read_text()))
