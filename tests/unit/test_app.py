"""What app.py imports: on Lambda the API alone; for Chalice, which packages it, every function."""

import json
import os
import subprocess
import sys
from typing import Any

TELL = """
import gc, json, sys
from app import app
print(json.dumps({
    "modules": list(sys.modules),
    "routes": sorted(app.routes),
    "functions": [one.name for one in app.event_sources],
    "collects": gc.isenabled(),
}))
"""


def told(**more: str) -> dict[str, Any]:
    """What app.py has become, imported in an interpreter of its own."""
    environment = {key: value for key, value in os.environ.items() if key != "_HANDLER"} | more
    done = subprocess.run([sys.executable, "-c", TELL], env=environment, capture_output=True, text=True, check=True)
    answered: dict[str, Any] = json.loads(done.stdout)
    return answered


def test_lambda_imports_what_requests_need_and_chalice_knows_every_function() -> None:
    on_lambda, packaged = told(_HANDLER="app.app"), told()

    assert on_lambda["routes"] == packaged["routes"]
    assert (on_lambda["functions"], on_lambda["collects"], packaged["collects"]) == ([], True, True)
    assert {"cc_inbox", "cc_jobs", "cc_sweep", "hm_inbox", "hm_quick_sweep", "hm_full_sweep"} <= set(
        packaged["functions"]
    )
    needless = ("chalicelib.handlers.cc", "chalicelib.handlers.hm", "joserfc", "cryptography", "httpx", "yaml")
    assert not set(needless) & set(on_lambda["modules"])
