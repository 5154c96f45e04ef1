"""What a package may hold: the rules that keep a hostile archive from writing outside of its folder or from
filling a disk. Pure: names, sizes and modes in, a refusal in words out.

Two readers hold to them, the assembly of packages in the control plane and the unpacking on a DEA, because
neither trusts the other's input. A link may stay, if it points inside: its target has ``..`` only in front and
not more of them than its folder is deep, and nothing lies below a link. Under these two rules no chain of links
leads out.
"""

import stat
from collections.abc import Iterable, Sequence

from chalicelib.contracts.frozen import frozen

FILE, DIRECTORY, LINK = "file", "directory", "link"

#: What an entry gets that says nothing of its mode (zips made on Windows).
DEFAULT_MODE = {FILE: 0o644, DIRECTORY: 0o755, LINK: 0o777}

#: Linux takes 255 bytes per part and 4,096 per path; an unpacked app lies some folders deep.
MAX_PART_BYTES = 255
MAX_PATH_BYTES = 3072
MAX_LINK_BYTES = 4096


class ArchiveRefused(ValueError):
    """The archive breaks a rule. The text is for its owner."""


@frozen
class ArchiveLimits:
    """Defaults of Cloud Foundry where it has one. ``ratio`` counts once more than ``ratio_from_bytes`` unpack."""

    packed_bytes: int = 1024**3
    unpacked_bytes: int = 4 * 1024**3
    files: int = 50_000
    ratio: int = 200
    ratio_from_bytes: int = 100 * 1024**2


@frozen
class Entry:
    """``path`` is clean (relative, no empty part, no dots); ``mode`` is permissions alone; ``size`` unpacked bytes."""

    path: str
    kind: str
    mode: int
    size: int


def quoted(name: str) -> str:
    """A name from outside, safe and short enough for a message."""
    return repr(name if len(name) <= 80 else name[:77] + "...")


def clean_path(name: str) -> str:
    """The name as a path below the app's folder. Raises ArchiveRefused."""
    if "\0" in name or "\\" in name:
        raise ArchiveRefused(f"{quoted(name)} has a character in it that a file name cannot have")
    if name.startswith("/"):
        raise ArchiveRefused(f"{quoted(name)} is an absolute name; names must be relative to the app's folder")
    parts = [part for part in name.split("/") if part not in ("", ".")]
    if ".." in parts:
        raise ArchiveRefused(f"{quoted(name)} leads out of the app's folder")
    if not parts:
        raise ArchiveRefused(f"{quoted(name)} names no file")
    try:
        lengths = [len(part.encode()) for part in parts]
    except UnicodeEncodeError:
        raise ArchiveRefused(f"{quoted(name)} is not valid Unicode") from None
    if max(lengths) > MAX_PART_BYTES or sum(lengths) + len(parts) - 1 > MAX_PATH_BYTES:
        raise ArchiveRefused(f"{quoted(name)} is too long for a file name")
    return "/".join(parts)


def kind_of(name: str, mode: int) -> str:
    """File, directory or link, from the mode's type bits or, without any, from the slash. Raises ArchiveRefused."""
    types = {0: FILE, stat.S_IFREG: FILE, stat.S_IFDIR: DIRECTORY, stat.S_IFLNK: LINK}
    kind = types.get(stat.S_IFMT(mode))
    if kind is None:
        raise ArchiveRefused(f"{quoted(name)} is a device, pipe or socket; an app has files, folders and links")
    return DIRECTORY if name.endswith("/") else kind


def permissions(kind: str, mode: int) -> int:
    """Permission bits without setuid and its kin, and such that the owner can always work with his file."""
    bits = stat.S_IMODE(mode) & 0o777
    if not bits:
        return DEFAULT_MODE[kind]
    return bits | (0o700 if kind == DIRECTORY else 0o600)


def check_droplet_link(path: str, target: str) -> None:
    """The wider rule of droplets: an absolute target may be, as the interpreter of a virtual environment has it, for
    nothing is written through links and only the app follows them, with its own rights. A link at the top may not be:
    the agent makes and enters the folders there, and relative links lead to absolute ones. Raises ArchiveRefused.
    """
    if "/" not in path:
        raise ArchiveRefused(f"{quoted(path)} is a link; at the top of a droplet there are files and folders")
    if target.startswith("/"):
        _check_target(path, target)
    else:
        check_link(path, target)


def _check_target(path: str, target: str) -> None:
    if not target or "\0" in target or len(target.encode(errors="replace")) > MAX_LINK_BYTES:
        raise ArchiveRefused(f"the link {quoted(path)} has no usable target")


def check_link(path: str, target: str) -> None:
    """Raises ArchiveRefused unless the link at ``path`` stays inside, whatever other (checked) links there are."""
    _check_target(path, target)
    parts = [part for part in target.split("/") if part not in ("", ".")]
    ups = next((i for i, part in enumerate(parts) if part != ".."), len(parts))
    if target.startswith("/") or ups > path.count("/") or ".." in parts[ups:]:
        raise ArchiveRefused(f"the link {quoted(path)} leads out of the app's folder, to {quoted(target)}")


def check_packed(packed_bytes: int, limits: ArchiveLimits) -> None:
    """Raises ArchiveRefused when the archive itself is too large."""
    if packed_bytes > limits.packed_bytes:
        raise ArchiveRefused(f"the archive is {packed_bytes} bytes; {limits.packed_bytes} are allowed")


def check_unpacked(entries: Sequence[Entry], limits: ArchiveLimits) -> None:
    """Raises ArchiveRefused when there are too many files or too many bytes in them."""
    if len(entries) > limits.files:
        raise ArchiveRefused(f"the archive has too many files: {len(entries)}; {limits.files} are allowed")
    total = sum(entry.size for entry in entries)
    if total > limits.unpacked_bytes:
        raise ArchiveRefused(f"the archive unpacks to {total} bytes; {limits.unpacked_bytes} are allowed")


def check_ratio(entries: Iterable[Entry], packed_bytes: int, limits: ArchiveLimits) -> None:
    """Raises ArchiveRefused for what only a bomb does: unpack to very many times its size."""
    total = sum(entry.size for entry in entries)
    if total > max(limits.ratio_from_bytes, limits.ratio * packed_bytes):
        raise ArchiveRefused(f"the archive unpacks to more than {limits.ratio} times its size")


def check_tree(entries: Iterable[Entry]) -> None:
    """Raises ArchiveRefused when a name is there twice, or lies below something that is no folder."""
    kinds: dict[str, str] = {}
    for entry in entries:
        if entry.path in kinds and (entry.kind, kinds[entry.path]) != (DIRECTORY, DIRECTORY):
            raise ArchiveRefused(f"{quoted(entry.path)} is there twice")
        kinds[entry.path] = entry.kind
    for path in kinds:
        parent = path
        while parent := parent.rpartition("/")[0]:
            if kinds.get(parent, DIRECTORY) != DIRECTORY:
                raise ArchiveRefused(f"{quoted(path)} lies below {quoted(parent)}, which is a {kinds[parent]}")
