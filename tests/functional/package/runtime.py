"""What Lambda's runtime for Python does: import a handler by its name, call it with one event after the other.

Run by itself, without site-packages::

    python -I -S runtime.py FOLDER HANDLER < events

Events are lines of JSON; so are answers: ``{"answer": ...}``, or ``{"error": ...}`` for what the handler raised.
"""

import importlib
import json
import os
import sys
from typing import Any


class Context:
    """Lambda's second argument."""

    function_name = "test-function"
    function_version = "$LATEST"
    invoked_function_arn = "arn:aws:lambda:us-east-1:123456789012:function:test-function"
    memory_limit_in_mb = 512
    aws_request_id = "c6af9ac6-7b61-11e6-9a41-93e8deadbeef"
    log_group_name = "/aws/lambda/test-function"
    log_stream_name = "2026/11/24/[$LATEST]abcdef"

    def get_remaining_time_in_millis(self) -> int:
        return 29_000


def main(folder: str, handler: str) -> None:
    sys.path.insert(0, folder)
    os.environ["_HANDLER"] = handler
    module, _, name = handler.rpartition(".")
    answers, sys.stdout = sys.stdout, sys.stderr  # what functions print are lines of their logs
    called: Any = getattr(importlib.import_module(module), name)
    for line in sys.stdin:
        try:
            told = {"answer": called(json.loads(line), Context())}
        except Exception as error:
            told = {"error": repr(error)}
        print(json.dumps(told), file=answers, flush=True)
    ours = {"chalice", "chalicelib", "botocore", "pynamodb", "cryptography", "yaml"}
    strangers = [m for m in ours & set(sys.modules) if not str(sys.modules[m].__file__).startswith(folder)]
    assert not strangers, f"imported from elsewhere: {strangers}"


if __name__ == "__main__":
    main(*sys.argv[1:])
