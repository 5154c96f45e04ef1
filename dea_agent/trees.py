"""Folders that an app or a build filled: taken away, and measured where Python's own way ends.

Their owner may have dug so deep that no path names the bottom, and that no recursion comes back from it. The host's
``rm`` and ``du`` go down by descriptors, however deep it is, and follow no link.
"""

import logging
import os
import subprocess
from pathlib import Path

log = logging.getLogger(__name__)


def remove(path: Path) -> None:
    """All of it, also folders that their owner closed to himself. Never raises: what stays is logged."""
    if not os.path.lexists(path):
        return
    _run("rm", "-rf", "--", str(path))
    if os.path.lexists(path) and not path.is_symlink():
        _run("chmod", "-R", "u+rwX", "--", str(path))
        _run("rm", "-rf", "--", str(path))
    if os.path.lexists(path):
        log.warning("%s could not be removed", path)


def disk_bytes(path: Path) -> int:
    """Bytes on disk below ``path``, each file once however many names it has; 0 when it is not there."""
    words = _run("du", "-s", "-B1", "--", str(path)).split()
    return int(words[0]) if words and words[0].isdigit() else 0


def _run(*argv: str) -> bytes:
    """What it said. That it failed shows in what is left."""
    return subprocess.run(argv, stdin=subprocess.DEVNULL, capture_output=True, check=False).stdout
