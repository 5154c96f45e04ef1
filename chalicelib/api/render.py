"""Resources as v3 documents: what all have in common, and pages of them."""

import json
import operator
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from urllib.parse import urlencode

from chalicelib.api.base import Answer, Request
from chalicelib.core.errors import BadQuery
from chalicelib.services.listing import Listing, Page
from chalicelib.tables.base import Resource
from chalicelib.tables.ledger import Job

Render = Callable[[Request, Any], dict[str, Any]]

#: How a moment is compared: ``created_ats[lte]=2026-11-23T15:29:54Z``.
COMPARED: dict[str, Callable[[str, str], bool]] = {
    "lt": operator.lt,
    "lte": operator.le,
    "gt": operator.gt,
    "gte": operator.ge,
}
MOMENT_PARAMETERS = tuple(
    f"{name}{suffix}" for name in ("created_ats", "updated_ats") for suffix in ("", *(f"[{word}]" for word in COMPARED))
)
MOMENT = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\dZ", re.ASCII)

#: What every list takes.
LIST_PARAMETERS = ("page", "per_page", "order_by", "label_selector", *MOMENT_PARAMETERS)
MAX_PER_PAGE = 5000
#: Of a label selector; a resource has 50 labels.
MAX_TERMS = 100
#: Lambda answers at most 6 MB; a page ends earlier and ``next`` carries the rest.
MAX_PAGE_BYTES = 5 * 1024 * 1024


def when(stamp: str | None) -> str | None:
    """``2026-11-23T15:29:54Z`` of a stamp with microseconds."""
    return f"{stamp[:19]}Z" if stamp else None


def common(request: Request, resource: Resource, *links: str) -> dict[str, Any]:
    """guid, times, metadata and the links ``self`` and ``<self>/<link>`` of a resource."""
    own = f"{request.base}/v3/{resource.KIND}/{resource.guid}"
    return {
        "guid": resource.guid,
        "created_at": when(resource.created_at),
        "updated_at": when(resource.updated_at),
        "metadata": {"labels": resource.labels or {}, "annotations": resource.annotations or {}},
        "links": {"self": {"href": own}} | {link: {"href": f"{own}/{link}"} for link in links},
    }


def to_one(guid: str | None) -> dict[str, Any]:
    """A relationship to one resource, or to none."""
    return {"data": {"guid": guid} if guid else None}


def accepted(request: Request, job: Job) -> Answer:
    """202 with the job that does it."""
    return Answer(None, 202, {"Location": f"{request.base}/v3/jobs/{job.guid}"})


def including(request: Request, *allowed: str) -> frozenset[str]:
    """What ``include`` asks for. Raises BadQuery."""
    wanted = request.values("include") or frozenset()
    if unknown := wanted - set(allowed):
        valid = ", ".join(f"'{name}'" for name in allowed)
        raise BadQuery(f"Invalid included resource: '{sorted(unknown)[0]}'. Valid included resources are: {valid}")
    return wanted


def listing(request: Request, lists: Sequence[str], *filters: str, orders: tuple[str, ...] = ()) -> Listing:
    """What to list, from the query. ``filters``: further parameters that this endpoint takes."""
    request.only(*LIST_PARAMETERS, "guids", "names", *filters)
    # "+" in a query is a space once it is decoded.
    order_by = request.query.get("order_by", "created_at").removeprefix("+").removeprefix(" ")
    allowed = ("created_at", "updated_at", "name", *orders)
    if order_by.removeprefix("-") not in allowed:
        raise BadQuery(f"Order by can only be: {', '.join(allowed)}")
    updated = moments(request, "updated_ats")
    return Listing(
        lists=lists,
        guids=request.values("guids"),
        names=request.values("names"),
        created=moments(request, "created_ats"),
        where=[*_metadata_filter(request), *(_updated(test) for test in updated)],
        order_by=order_by,
        page=_number(request, "page", 1, 10**9),
        per_page=_number(request, "per_page", 50, MAX_PER_PAGE),
    )


def moments(request: Request, name: str) -> list[Callable[[str], bool]]:
    """The tests of a stamp that ``name`` (``created_ats``) and its comparisons make. Raises BadQuery.

    Clients see whole seconds, so that is what is compared.
    """
    tests: list[Callable[[str], bool]] = []
    asked = request.values(name)
    if asked is not None:
        for moment in asked:
            _check_moment(name, moment)
        tests.append(lambda stamp: when(stamp) in asked)
    for word, holds in COMPARED.items():
        limit = request.query.get(f"{name}[{word}]")
        if limit is not None:
            _check_moment(name, limit)
            tests.append(partial(_compared, holds, limit))
    return tests


def _check_moment(name: str, text: str) -> None:
    if not MOMENT.fullmatch(text):
        title = name.capitalize().replace("_", " ")
        raise BadQuery(
            f"{title} has an invalid timestamp format. Timestamps should be formatted as 'YYYY-MM-DDThh:mm:ssZ'"
        )


def _compared(holds: Callable[[str, str], bool], limit: str, stamp: str) -> bool:
    return holds(str(when(stamp)), limit)


def _updated(test: Callable[[str], bool]) -> Callable[[Any], bool]:
    return lambda resource: test(str(resource.updated_at))


def _number(request: Request, name: str, default: int, maximum: int) -> int:
    text = request.query.get(name, str(default))
    value = int(text) if text.isascii() and text.isdigit() and len(text) < 12 else 0
    title = name.capitalize().replace("_", " ")
    if value < 1:
        raise BadQuery(f"{title} must be a positive integer")
    if value > maximum:
        raise BadQuery(f"{title} must be between 1 and {maximum}")
    return value


def _metadata_filter(request: Request) -> list[Callable[[Resource], bool]]:
    selector = request.query.get("label_selector")
    if not selector:
        return []
    terms = [_term(term) for term in _terms(selector)]  # once, however many resources there are
    return [lambda resource: _selected(resource.labels or {}, terms)]


#: Key, operator, operand.
Term = tuple[str, str, frozenset[str]]


def _selected(labels: dict[str, str], terms: Sequence[Term]) -> bool:
    """``k=v``, ``k!=v``, ``k``, ``!k``, ``k in (a,b)``, ``k notin (a,b)``, all of them together."""
    for key, word, operand in terms:
        value = labels.get(key)
        holds = {
            "exists": value is not None,
            "missing": value is None,
            "in": value in operand,
            "notin": value not in operand,
        }[word]
        if not holds:
            return False
    return True


def _terms(selector: str) -> list[str]:
    parts, depth = [""], 0
    for character in selector:
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    if len(parts) > MAX_TERMS:
        raise BadQuery(f"Label selector: at most {MAX_TERMS} terms")
    return [part.strip() for part in parts]


def _term(term: str) -> Term:
    for word in ("notin", "in"):
        key, found, rest = term.partition(f" {word} ")
        if found and rest.strip().startswith("(") and rest.strip().endswith(")"):
            return key.strip(), word, frozenset(item.strip() for item in rest.strip()[1:-1].split(","))
    for symbol, word in (("!=", "notin"), ("==", "in"), ("=", "in")):
        key, found, value = term.partition(symbol)
        if found:
            return key.strip(), word, frozenset({value.strip()})
    if not term.strip("!"):
        raise BadQuery("Label selector: Invalid label_selector value")
    return (term[1:].strip(), "missing", frozenset()) if term.startswith("!") else (term, "exists", frozenset())


def paginated(request: Request, page: Page, render: Render, included: dict[str, Any] | None = None) -> Answer:
    """A v3 list. ``next`` keeps the caller's filters and is absolute."""
    per_page = _number(request, "per_page", 50, MAX_PER_PAGE)
    number = _number(request, "page", 1, 10**9)
    resources = [render(request, item) for item in page.items]
    size = 0
    for i, resource in enumerate(resources):
        size += len(json.dumps(resource)) + 1
        if size > MAX_PAGE_BYTES and i:
            # Too large to answer: the same filters with pages that fit, from the page that begins here.
            per_page = _fitting(i, (number - 1) * per_page)
            number = (number - 1) * _number(request, "per_page", 50, MAX_PER_PAGE) // per_page + 1
            resources = resources[:per_page]
            break
    last = max(1, -(-page.total // per_page))

    path = request.raw.context["path"]

    def link(to: int) -> dict[str, str]:
        query = urlencode({**request.query, "page": to, "per_page": per_page})
        return {"href": f"{request.base}{path}?{query}"}

    body: dict[str, Any] = {
        "pagination": {
            "total_results": page.total,
            "total_pages": last,
            "first": link(1),
            "last": link(last),
            "next": link(number + 1) if number < last else None,
            "previous": link(number - 1) if number > 1 else None,
        },
        "resources": resources,
    }
    if included is not None:
        body["included"] = included
    return Answer(body)


def _fitting(count: int, offset: int) -> int:
    """The largest page length of at most ``count`` at which a page begins exactly at ``offset``."""
    return next(length for length in range(count, 0, -1) if offset % length == 0)
