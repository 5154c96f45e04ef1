"""What every theme of the API's calls has in common: reading resources, lists of them, names, and jobs."""

from collections.abc import Callable, Iterable
from typing import Any, Protocol, TypeVar

from zf.client.errors import missing
from zf.client.http import Http, Json
from zf.client.jobs import GIVE_UP_S, finish
from zf.client.models import read
from zf.client.pages import listed


class HasName(Protocol):
    @property
    def name(self) -> str: ...


T = TypeVar("T")
N = TypeVar("N", bound=HasName)

#: So many guids go into one query: 50 of 36 letters stay under 2 KB of URL.
GUIDS_PER_QUERY = 50


class Part:
    """The calls of one theme. Names in, resources out; errors as in errors.py."""

    def __init__(self, http: Http) -> None:
        self.http = http

    def _finish(self, response: Any, give_up_s: float = GIVE_UP_S, wait: bool = True) -> list[str]:
        return finish(self.http, response, give_up_s, wait)

    def _delete(self, path: str, **params: str) -> None:
        """Until it is gone, whether that is a job or done at once."""
        self._finish(self.http.send("DELETE", path, safe=True, params=params))

    def _list(self, of: Callable[[Json], T], path: str, **filters: Any) -> list[T]:
        return [self._read(of, raw) for raw in listed(self.http, path, **filters)]

    def _by(self, filter_name: str, of: Callable[[Json], T], path: str, guids: Iterable[str]) -> list[T]:
        """A list filtered by any number of guids, which go over several queries."""
        every, found = list(guids), list[T]()
        for first in range(0, len(every), GUIDS_PER_QUERY):
            some = ",".join(every[first : first + GUIDS_PER_QUERY])
            found += self._list(of, path, **{filter_name: some})
        return found

    def _one(self, kind: str, name: str, listing: Callable[[str | None], list[N]], command: str) -> N:
        """The resource of that very name; an API may compare names without regard to case."""
        for found in listing(name):
            if found.name == name:
                return found
        raise missing(kind, name, (other.name for other in listing(None)), command)

    def _read(self, of: Callable[[Json], T], raw: Any) -> T:
        return read(of, raw, self.http.api)


def to(guid: str) -> Json:
    """A relationship to one resource."""
    return {"data": {"guid": guid}}
