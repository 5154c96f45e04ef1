"""What a buildpack's zip must have, and in which order buildpacks are asked. Pure."""

from collections.abc import Iterable, Sequence

#: One of them must be there: they are what makes a droplet, or says that it can.
SCRIPTS = frozenset({"detect", "supply", "finalize", "compile"})

#: Where a buildpack says for which stack it is.
MANIFEST = "manifest.yml"


def is_buildpack(paths: Iterable[str]) -> bool:
    """Whether these are the files of a buildpack: ``bin`` at the root, or in the one folder that all lies in."""
    found = [path.split("/") for path in paths]
    tops = {parts[0] for parts in found}
    inner = [parts[1:] for parts in found] if len(tops) == 1 else []
    return any(parts[0] == "bin" and parts[1] in SCRIPTS for parts in [*found, *inner] if len(parts) == 2)


def moved(order: Sequence[str], guid: str, position: int | None) -> list[str]:
    """The guids in order, with ``guid`` at ``position`` (from 1; beyond the end is the end; None: nowhere)."""
    others = [other for other in order if other != guid]
    if position is None:
        return others
    return [*others[: position - 1], guid, *others[position - 1 :]]


def wrong_stack(said: str | None, asked: str | None, is_known: bool) -> tuple[int, str, str] | None:
    """Code, title and text of why bits for the stack ``said`` cannot be those of a buildpack for ``asked``.

    is_known: whether there is such a stack.
    """
    if said is None:
        return None
    if not is_known:
        return 390012, "BuildpackStackDoesNotExist", f"Uploaded buildpack stack ({said[:250]}) does not exist"
    if asked is not None and said != asked:
        return 390011, "BuildpackStacksDontMatch", f"Uploaded buildpack stack ({said}) does not match {asked}"
    return None
