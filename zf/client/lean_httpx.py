"""httpx without its own command line: importing that (rich, pygments) costs 200 ms of CPU which `zf` never uses."""

import sys

_ABSENT = "httpx._main"

if "httpx" not in sys.modules:
    sys.modules[_ABSENT] = None  # type: ignore[assignment]  # httpx goes on without it, on ImportError

import httpx  # noqa: E402

if sys.modules.get(_ABSENT, httpx) is None:
    del sys.modules[_ABSENT]

__all__ = ["httpx"]
