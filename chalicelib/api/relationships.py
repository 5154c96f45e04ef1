"""Relationships to many: ``{"data": [{"guid": ...}, ...]}``, in bodies, in documents and in answers of their own."""

from collections.abc import Iterable
from typing import Any

from chalicelib.api.base import Answer, Request
from chalicelib.api.parsing import Body

#: Of one body.
MAX_RELATED = 500


def body_guids(request: Request) -> list[str]:
    """The guids of a body that is a relationship itself, each once. Raises Unprocessable."""
    body = Body(request.json())
    data = body.take("data", required=True)
    guids = _guids(data)
    if data is not None and guids is None:
        body.wrong("Data must be an array of objects that each have a guid")
    elif data == []:
        body.wrong("Data can't be blank")
    _check_length(body, guids)
    body.done()
    return guids or []


def related(body: Body, name: str) -> list[str]:
    """The guids of ``name`` in part ``relationships`` of a body; empty when it is not there, or null."""
    value = body.take(name)
    if value is None:
        return []
    guids = _guids(value.get("data")) if isinstance(value, dict) and set(value) == {"data"} else None
    if guids is None:
        body.wrong(
            f"Relationships {name.capitalize()} must be structured like this: "
            f'"{name}: {{"data": [{{"guid": "valid-guid"}},{{"guid": "valid-guid"}}]}}"'
        )
    _check_length(body, guids)
    return guids or []


def related_one(body: Body, name: str) -> str:
    """The guid of ``name`` in part ``relationships`` of a body, which must be there."""
    value = body.take(name)
    data = value.get("data") if isinstance(value, dict) else None
    guid = data.get("guid") if isinstance(data, dict) else None
    if not isinstance(guid, str):
        body.wrong(
            f"Relationships {name.capitalize()} must be structured like this: "
            f'"{name}: {{"data": {{"guid": "valid-guid"}}}}"'
        )
        return ""
    return guid


def _guids(data: Any) -> list[str] | None:
    if not isinstance(data, list) or not all(isinstance(item, dict) and set(item) == {"guid"} for item in data):
        return None
    guids = [item["guid"] for item in data]
    return list(dict.fromkeys(guids)) if all(isinstance(guid, str) for guid in guids) else None


def _check_length(body: Body, guids: list[str] | None) -> None:
    if guids and len(guids) > MAX_RELATED:
        body.wrong(f"Data can have at most {MAX_RELATED} guids")


def to_many(guids: Iterable[str]) -> dict[str, Any]:
    """A relationship in a document."""
    return {"data": [{"guid": guid} for guid in guids]}


def answered(request: Request, path: str, guids: Iterable[str]) -> Answer:
    """A relationship as an answer: ``path`` is its own, below /v3."""
    return Answer(to_many(guids) | {"links": {"self": {"href": f"{request.base}/v3/{path}"}}})
