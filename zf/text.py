"""Small renderings for people: sizes, times, ages; and text of others made harmless for a terminal."""

import re
import time
from datetime import UTC, datetime

_ESCAPES = re.compile(r"\x1b(?:\[[0-?]*[ -/]*[@-~]|\][^\x07\x1b]*(?:\x07|\x1b\\)|[@-Z\\-_])")
_COLOURS = re.compile(r"\x1b\[[0-9;]*m")
_CONTROLS = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f]")


def harmless(text: str, colours: bool = False) -> str:
    """`text` without control characters and escape sequences, which could rewrite a terminal; SGR colours may stay."""
    if not colours:
        return _CONTROLS.sub("", _ESCAPES.sub("", text))
    kept, position = [], 0
    for colour in _COLOURS.finditer(text):
        kept += [harmless(text[position : colour.start()]), colour.group()]
        position = colour.end()
    kept.append(harmless(text[position:]))
    return "".join(kept) + ("\x1b[0m" if position else "")


def size(count: float) -> str:
    """Bytes in the unit that fits: 0 B, 34 KB, 12.3 MB, 1 GB."""
    for unit in ("B", "KB", "MB", "GB"):
        if count < 1024 or unit == "GB":
            break
        count /= 1024
    return f"{count:.1f}".removesuffix(".0") + f" {unit}"


def megabytes(count: int) -> str:
    return size(count * 1024 * 1024).replace(" ", "").removesuffix("B")


def seconds(duration: float) -> str:
    """0.21 s, 12.3 s, 2 min 5 s."""
    if duration < 10:
        return f"{duration:.2f} s"
    if duration < 60:
        return f"{duration:.1f} s"
    return f"{int(duration // 60)} min {int(duration % 60)} s"


def ago(duration: float) -> str:
    """A rounded age: 5s, 3m, 2h, 4d."""
    for unit, length in (("d", 86400), ("h", 3600), ("m", 60)):
        if duration >= length:
            return f"{int(duration // length)}{unit}"
    return f"{max(0, int(duration))}s"


def at_ns(timestamp: int) -> str:
    """A log line's instant in local time, with hundredths: 2026-11-23T15:44:40.12."""
    moment = datetime.fromtimestamp(timestamp // 10_000_000 / 100)
    return moment.strftime("%Y-%m-%dT%H:%M:%S.") + f"{moment.microsecond // 10_000:02d}"


def since(moment: str | None) -> str:
    """How long a timestamp has been gone; empty for none."""
    return ago(max(0.0, time.time() - epoch_ns(moment) / 10**9)) if moment else ""


def epoch_ns(rfc3339: str) -> int:
    """Nanoseconds of a v3 timestamp; 0 when it is none."""
    try:
        moment = datetime.fromisoformat(rfc3339)
    except ValueError:
        return 0
    return int(moment.replace(tzinfo=moment.tzinfo or UTC).timestamp()) * 1_000_000_000
