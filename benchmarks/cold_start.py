"""What a cold start costs before the first request: CPU time of importing each function's module."""

import os
import subprocess
import sys
from pathlib import Path

from benchmarks.report import ROUNDS, Figure

ROOT = Path(__file__).parents[1]

#: What Lambda imports for a function -> the aim, ms of CPU.
MODULES = {"app": 350, "chalicelib.handlers.hm": 230}

#: In an interpreter of its own, which has imported nothing yet.
MEASURE = """
import importlib, sys, time
began = time.process_time()
importlib.import_module(sys.argv[1])
print(time.process_time() - began)
"""


def run() -> list[Figure]:
    return [_measure(module, aim) for module, aim in MODULES.items()]


def _measure(module: str, aim: float) -> Figure:
    _cpu_seconds(module)  # writes the byte code, which a function's package has
    return Figure(f"import {module}", "ms", [_cpu_seconds(module) * 1000 for _ in range(ROUNDS)], aim, "CPU time")


def _cpu_seconds(module: str) -> float:
    # As Lambda has it of the API's function; the others do not look at it.
    lambdas = {"_HANDLER": "app.app", "AWS_DEFAULT_REGION": "us-east-1"}
    environment = os.environ | lambdas | {"PYTHONPATH": str(ROOT)}
    environment.pop("PYTHONDONTWRITEBYTECODE", None)
    command = [sys.executable, "-c", MEASURE, module]
    done = subprocess.run(command, cwd=ROOT, env=environment, capture_output=True, text=True, check=True)
    return float(done.stdout)
