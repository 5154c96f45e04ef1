"""A folder as a zip that is the same, byte for byte, whoever packs the same files, and whenever."""

import zipfile
from pathlib import Path

#: The earliest time that a zip can tell.
NO_TIME = (1980, 1, 1, 0, 0, 0)
#: An ordinary file that everybody may read, in the upper half of the attributes: Lambda's user is not who unpacks.
READABLE = 0o100644 << 16


def pack(folder: Path, target: Path) -> None:
    """Files in order of their names. Nothing of the folder but names and contents is told."""
    files = sorted(path for path in folder.rglob("*") if path.is_file())
    with zipfile.ZipFile(target, "w") as archive:
        for path in files:
            entry = zipfile.ZipInfo(path.relative_to(folder).as_posix(), NO_TIME)
            entry.external_attr, entry.compress_type, entry.create_system = READABLE, zipfile.ZIP_DEFLATED, 3
            archive.writestr(entry, path.read_bytes(), compresslevel=9)
