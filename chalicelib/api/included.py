"""``include=`` and ``fields[...]=``: related resources beside those that were asked for.

A module names the ways from its resources to others once; ``included`` goes those that the query names, each with
one batch of reads, whatever the number of resources:

    WAYS = {
        "space": (Space, lambda app: app.space_guid, spaces.render),
        "space.organization": (Organization, lambda space: space.org_guid, organizations.render),
    }
    return paginated(request, found, render, included(request, found.items, WAYS))
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from typing import Any

from chalicelib.api.base import Request
from chalicelib.api.render import Render, including
from chalicelib.core.errors import BadQuery
from chalicelib.services import listing
from chalicelib.tables.base import Resource

#: What it leads to, the guid of that one for the resource where it begins (None: it has none), and how it is shown.
Way = tuple[type[Resource], Callable[[Any], str | None], Render]

#: Of each path (``service_plan.service_offering``) the names of what is to be shown.
Fields = Mapping[str, Sequence[str]]


def included(
    request: Request, resources: Sequence[Any], ways: Mapping[str, Way], wanted: Fields | None = None
) -> dict[str, Any] | None:
    """The ``included`` of a document, or None when nothing was asked for. Raises BadQuery for an unknown path.

    ``a.b`` begins at what ``a`` leads to; ``include=a.b`` shows both. wanted: of ``fields``, shown trimmed to that.
    """
    whole = {path for asked in including(request, *ways) for path in _upwards(asked)}
    if not whole and not wanted:
        return None
    trimmed = dict(wanted or {})
    loaded: dict[str, Sequence[Any]] = {"": resources}
    result: dict[str, list[Any]] = {}
    shown = set()
    for path in sorted({step for asked in whole | trimmed.keys() for step in _upwards(asked)}, key=_depth):
        model, guid_of, render = ways[path]
        guids = dict.fromkeys(str(guid) for item in loaded[path.rpartition(".")[0]] if (guid := guid_of(item)))
        loaded[path] = listing.load(model, list(guids))
        if path not in whole and path not in trimmed:
            continue
        documents = result.setdefault(model.KIND, [])
        for item in loaded[path]:
            if (model.KIND, item.guid) not in shown:
                shown.add((model.KIND, item.guid))
                document = render(request, item)
                documents.append(document if path in whole else _trimmed(document, trimmed[path]))
    return result


def fields(request: Request, allowed: Fields) -> dict[str, list[str]]:
    """What ``fields[path]=a,b`` asks for. ``allowed``: of each path the names there are. Raises BadQuery."""
    wanted = {}
    for path, names in allowed.items():
        asked = request.values(f"fields[{path}]")
        if asked is None:
            continue
        if unknown := asked - set(names):
            valid = ", ".join(f"'{name}'" for name in names)
            raise BadQuery(f"Fields valid keys for '{path}' are: {valid}; '{sorted(unknown)[0]}' is none of them")
        wanted[path] = [name for name in names if name in asked]
    return wanted


def field_parameters(allowed: Fields) -> list[str]:
    """The query parameters that ``fields`` reads, for the list of those that an endpoint takes."""
    return [f"fields[{path}]" for path in allowed]


def _upwards(path: str) -> Iterable[str]:
    """``a.b.c``: itself, ``a.b`` and ``a``."""
    while path:
        yield path
        path = path.rpartition(".")[0]


def _depth(path: str) -> tuple[int, str]:
    return path.count("."), path


def _trimmed(document: Mapping[str, Any], names: Iterable[str]) -> dict[str, Any]:
    """Only ``names``; ``relationships.service_offering`` is that one of the relationships."""
    result: dict[str, Any] = {}
    for name in names:
        outer, _, inner = name.partition(".")
        if inner:
            result.setdefault(outer, {})[inner] = (document.get(outer) or {}).get(inner)
        else:
            result[outer] = document.get(outer)
    return result
