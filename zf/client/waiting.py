"""How long to pause between polls."""

from collections.abc import Iterator


def backoff(first_s: float, factor: float, cap_s: float) -> Iterator[float]:
    """Endless pauses in seconds: first_s, first_s*factor, ... up to cap_s. Most waits are short."""
    pause = first_s
    while True:
        yield pause
        pause = min(pause * factor, cap_s)
