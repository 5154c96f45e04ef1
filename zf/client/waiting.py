"""How to wait for what others do: quick looks at first, since most waits are short, then slower ones."""

import time
from collections.abc import Iterator


def backoff(first_s: float, factor: float, cap_s: float) -> Iterator[float]:
    """Endless pauses in seconds: first_s, first_s * factor, ... up to cap_s."""
    pause = first_s
    while True:
        yield pause
        pause = min(pause * factor, cap_s)


def looks(first_s: float, factor: float, cap_s: float, give_up_s: float) -> Iterator[float]:
    """The seconds since the first look, which is at once; the others after the pauses of `backoff`, until give_up_s."""
    began = time.monotonic()
    for pause in backoff(first_s, factor, cap_s):
        waited = time.monotonic() - began
        if waited > give_up_s:
            return
        yield waited
        time.sleep(pause)
