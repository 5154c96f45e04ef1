"""Environment variables: which names an app may set, and how much. Pure.

The sentences name variables, never their values: these are secrets.
"""

import json
from collections.abc import Mapping

#: All of an app's variables as JSON, bytes. Sealed they must fit in one DynamoDB item (400 KB).
MAX_BYTES = 128 * 1024
MAX_VARIABLES = 2000


def problems(variables: Mapping[str, object]) -> list[str]:
    """What is wrong with them, in sentences; a value of None asks for removal."""
    if len(variables) > MAX_VARIABLES:
        return [f"Environment variables must be at most {MAX_VARIABLES}"]
    wrong = [sentence for name, value in variables.items() for sentence in _wrong(name, value)]
    if not wrong and len(json.dumps(dict(variables)).encode()) > MAX_BYTES:
        return [f"Environment variables must be at most {MAX_BYTES} bytes together"]
    return wrong


def _wrong(name: str, value: object) -> list[str]:
    shown = repr(name[:60])
    wrong = []
    if not name:
        wrong.append("Environment variables key must be a minimum length of 1")
    if "=" in name or "\0" in name:
        wrong.append(f"Environment variables key {shown} must not contain '=' or null characters")
    if name == "PORT":
        wrong.append("Environment variables cannot set PORT")
    for prefix in ("VCAP_", "VMC_"):
        if name.startswith(prefix):
            wrong.append(f"Environment variables cannot start with {prefix}")
    if value is not None and not isinstance(value, str):
        wrong.append(f"Non-string value in environment variable for key {shown}")
    elif value is not None and "\0" in value:
        wrong.append(f"Environment variables value of {shown} must not contain null characters")
    return wrong
