"""Zips as an attacker makes them: every field as he likes it."""

import io
import stat
import zipfile
from collections.abc import Mapping


def zipped(files: Mapping[str, bytes | tuple[int, bytes]], level: int = 6) -> bytes:
    """name -> bytes, or (mode with its type bits, bytes). Names go in as they are."""
    buffer = io.BytesIO()
    with zipfile.ZipFile(buffer, "w") as target:
        for name, value in files.items():
            mode, data = value if isinstance(value, tuple) else (stat.S_IFREG | 0o644, value)
            info = zipfile.ZipInfo("x" * len(name.encode()))
            info.filename = name
            info.create_system, info.compress_type = 3, zipfile.ZIP_DEFLATED
            info.external_attr = mode << 16 or 1  # the library invents a mode for 0
            target.writestr(info, data, compresslevel=level)
    return buffer.getvalue()


def link(target: str) -> tuple[int, bytes]:
    return stat.S_IFLNK | 0o777, target.encode()
