"""Resources as v3 documents: what all have in common, and pages of them."""

import json
import operator
import re
from collections.abc import Callable, Sequence
from functools import partial
from typing import Any
from urllib.parse import quote_plus, urlencode

from chalicelib.api.base import Answer, Request
from chalicelib.core import selectors
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
#: Lambda answers at most 6 MB, headers included; a page ends earlier and ``next`` carries the rest.
MAX_PAGE_BYTES = 5.5 * 1024 * 1024
GUID = re.compile(r'"guid": "([^"]+)"')


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


def warned(answer: Answer, *texts: str) -> Answer:
    """The same answer with warnings that clients print: each URL-encoded, with commas between them."""
    if texts:
        answer.headers["X-Cf-Warnings"] = ",".join(map(quote_plus, texts))
    return answer


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
    # An event is never changed.
    return lambda resource: test(str(getattr(resource, "updated_at", None) or resource.created_at))


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
    try:
        terms = selectors.parse(selector)  # once, however many resources there are
    except ValueError as error:
        raise BadQuery(f"Label selector: {error}") from None
    return [lambda resource: selectors.selects(terms, resource.labels or {})]


def paginated(request: Request, page: Page, render: Render, included: dict[str, Any] | None = None) -> Answer:
    """A v3 list. ``next`` keeps the caller's filters and is absolute."""
    per_page = _number(request, "per_page", 50, MAX_PER_PAGE)
    number = _number(request, "page", 1, 10**9)
    resources = [render(request, item) for item in page.items]
    fitting = _how_many_fit(resources, included)
    if fitting < len(resources):
        # Too large to answer: the same filters with pages that fit, from the page that begins here.
        offset = (number - 1) * per_page
        per_page = _page_length(fitting, offset)
        number = offset // per_page + 1
        resources = resources[:per_page]
        included = included and _referenced(resources, included)
    last = max(1, -(-page.total // per_page))

    def link(to: int) -> dict[str, str]:
        query = urlencode({**request.query, "page": to, "per_page": per_page})
        return {"href": f"{request.base}{request.path}?{query}"}

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


def _how_many_fit(resources: Sequence[dict[str, Any]], included: dict[str, Any] | None) -> int:
    """How many of the resources one answer can hold, each with its share of what is included; at least one."""
    share = _size(included) / len(resources) if included and resources else 0
    size = 0.0
    for count, resource in enumerate(resources):
        size += _size(resource) + share
        if size > MAX_PAGE_BYTES and count:
            return count
    return len(resources)


def _size(document: dict[str, Any]) -> int:
    """Bytes in Lambda's answer, in which the document is a string: its quotes and backslashes are escaped."""
    text = json.dumps(document)
    return len(text) + text.count('"') + text.count("\\") + 2


def _page_length(most: int, offset: int) -> int:
    """The largest page of at most ``most`` with which a page begins exactly at ``offset``. From the beginning on,
    a power of two: when a later page is too large for it, a half or a quarter begins there, too."""
    if offset == 0:
        return 1 << (most.bit_length() - 1)
    return next(length for length in range(most, 0, -1) if offset % length == 0)


def _referenced(resources: Sequence[dict[str, Any]], included: dict[str, Any]) -> dict[str, Any]:
    """What of ``included`` the resources lead to, directly or by another one that they lead to."""
    guids = set(GUID.findall(json.dumps(resources)))
    guids |= {
        guid
        for documents in included.values()
        for document in documents
        if document.get("guid") in guids
        for guid in GUID.findall(json.dumps(document))
    }
    return {
        kind: [document for document in documents if document.get("guid") in guids or "guid" not in document]
        for kind, documents in included.items()
    }
