"""Lists of the v3 API: follows `pagination.next` to the end."""

from collections.abc import Iterator
from typing import Any

from zf.client.errors import BadAnswerError
from zf.client.http import Http, Json

#: A compromise between round trips and the API's 5 MB a page.
PER_PAGE = 1000


def listed(http: Http, path: str, **filters: Any) -> Iterator[Json]:
    """Each resource of a list once. filters: query parameters; those that are None are left out."""
    for page in pages(http, path, **filters):
        yield from page["resources"]


def pages(http: Http, path: str, **filters: Any) -> Iterator[Json]:
    """The pages of a list as they come, for who needs what is included. As `listed`."""
    params = {key: value for key, value in filters.items() if value is not None} | {"per_page": PER_PAGE}
    page = http.json("GET", path, params=params)
    seen = set()
    while True:
        if not isinstance(page.get("resources"), list):
            raise BadAnswerError(
                f"{http.api}{path} answered without a list", "Is this a Cloud Foundry v3 API? zf api URL"
            )
        yield page
        following = (page.get("pagination") or {}).get("next")
        if not following:
            return
        href = following["href"]
        if href in seen:
            raise BadAnswerError(f"The pages of {http.api}{path} go round in a circle", "Report this to the operator")
        seen.add(href)
        page = http.json("GET", href)


def names(*several: str) -> str:
    """The value of a `names` filter: commas inside a name are escaped, for they separate names."""
    return ",".join(name.replace("%", "%25").replace(",", "%2C") for name in several)
