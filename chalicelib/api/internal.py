"""What routers ask of logs: who may read an app's, and where else they go. Routers refuse /internal from outside."""

from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.contracts.codec import DecodeError, from_json, to_json
from chalicelib.contracts.logs import MAX_ASKED, DrainsAnswer, DrainsQuestion
from chalicelib.core.errors import ParseError
from chalicelib.services import drains
from chalicelib.services.owned import owned
from chalicelib.tables.apps import App

endpoints = Endpoints(__name__)


@endpoints("GET", "/internal/log_access/{guid}")
def log_access(request: Request, guid: str) -> Answer:
    """204 for who may see the app, else the error that he is shown."""
    owned(request.actor, App, guid)
    return Answer(None, 204)


@endpoints("POST", "/internal/drains")
def log_drains(request: Request) -> Answer:
    """The drains of the apps whose grants the router shows: DEAs show them with each batch of lines."""
    try:
        question = from_json(DrainsQuestion, request.json())
    except DecodeError:
        raise ParseError from None
    if len(question.grants) > MAX_ASKED:
        raise ParseError
    return Answer(to_json(DrainsAnswer(tuple(drains.of_grants(request.world, question.grants)))))
