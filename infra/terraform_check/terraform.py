"""Terraform with the stand-in for its AWS provider, where the configuration lies; it writes nothing there.

``build/terraform-check``, which ``make terraform-check`` makes, has the stand-in's Python, the schema and Terraform's
own files.
"""

import json
import os
import shlex
import shutil
import subprocess
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from infra.terraform_check.schema import stored

ROOT = Path(__file__).parents[2]
BUILD = ROOT / "build" / "terraform-check"
PYTHON = BUILD / "venv" / "bin" / "python"
CONFIGURATION = ROOT / "infra" / "terraform"

#: Terraform's providers that the stand-in answers for.
PROVIDERS = ("hashicorp/aws",)


class Missing(Exception):
    """Something that has to be installed first; the text says what."""


class Refused(Exception):
    """Terraform's own words."""


def ready() -> None:
    """Raises Missing."""
    if shutil.which("terraform") is None:
        raise Missing("terraform is not installed (1.9 or later; https://developer.hashicorp.com/terraform/install)")
    if not PYTHON.exists():
        raise Missing("build/terraform-check is not there; make terraform-check makes it")


def set_up() -> None:
    """The schema, the stand-in as a program, and the file that tells Terraform of it. Raises Missing."""
    ready()
    stored(_wheel(), BUILD / "schema.json")
    plugin = BUILD / "plugin" / "terraform-provider-aws"
    plugin.parent.mkdir(exist_ok=True)
    command = shlex.join([str(PYTHON), str(Path(__file__).with_name("provider.py")), str(BUILD / "schema.json")])
    plugin.write_text(f"#!/bin/sh\nexec {command}\n")
    plugin.chmod(0o755)
    overrides = "\n".join(f'    "{name}" = "{plugin.parent}"' for name in PROVIDERS)
    (BUILD / "terraform.rc").write_text(f"provider_installation {{\n  dev_overrides {{\n{overrides}\n  }}\n}}\n")


#: What plans read of what is installed, and who makes it.
PACKAGES = {"build/package/functions.zip": "make package", "build/hosts/hosts.json": "make hosts-artifacts STACK=no"}


def packaged() -> None:
    """Raises Missing."""
    for path, maker in PACKAGES.items():
        if not (ROOT / path).exists():
            raise Missing(f"{path} is not there; {maker} makes it")


def _wheel() -> Path:
    """The package's own archive inside what pip installed: all that is read of it."""
    return next((BUILD / "venv").glob("lib/*/site-packages/cdktf_cdktf_provider_aws/_jsii/*.jsii.tgz"))


def run(folder: Path, *arguments: str, variables: Mapping[str, Any] | None = None) -> str:
    """Standard output of a Terraform command. variables: given as ``TF_VAR_...``. Raises Refused."""
    data = BUILD / "data" / folder.relative_to(ROOT)
    env = {key: value for key, value in os.environ.items() if not key.startswith(("TF_", "AWS_"))} | {
        "TF_CLI_CONFIG_FILE": str(BUILD / "terraform.rc"),
        "TF_DATA_DIR": str(data),
        "TF_DISABLE_PLUGIN_TLS": "1",
        "TF_IN_AUTOMATION": "1",
        "CHECKPOINT_DISABLE": "1",
        "AWS_REGION": "us-east-1",
    }
    env |= {
        f"TF_VAR_{name}": value if isinstance(value, str) else json.dumps(value)
        for name, value in (variables or {}).items()
    }
    done = subprocess.run(
        ["terraform", *arguments], cwd=folder, env=env, capture_output=True, text=True, timeout=300, check=False
    )
    if done.returncode:
        raise Refused(done.stderr or done.stdout)
    return done.stdout


def validate(folder: Path) -> list[str]:
    """What is wrong with the configuration in a folder, as ``file:line: sentence``."""
    run(folder, "get")
    try:
        answer = run(folder, "validate", "-json")
    except Refused as error:
        answer = str(error)
    return [_line(one) for one in json.loads(answer)["diagnostics"] if one["severity"] == "error"]


def _line(diagnostic: dict[str, Any]) -> str:
    place = diagnostic.get("range", {})
    where = f"{place.get('filename', '')}:{place.get('start', {}).get('line', '')}"
    return f"{where}: {diagnostic['summary']} {diagnostic.get('detail', '')}".replace("\n", " ")


def plan(folder: Path, variables: Mapping[str, Any] | None = None) -> dict[str, Any]:
    """What would be made from nothing, as ``terraform show -json`` tells it. Raises Refused, also for bad values."""
    run(folder, "get")
    file = BUILD / f"plan-{os.getpid()}"
    try:
        run(folder, "plan", "-input=false", "-no-color", "-lock=false", f"-out={file}", variables=variables)
        return dict(json.loads(run(folder, "show", "-json", str(file))))
    finally:
        file.unlink(missing_ok=True)
