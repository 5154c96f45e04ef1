"""/internal/log_access: what routers ask before they show an app's logs. The router refuses /internal from outside."""

from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.services.owned import owned
from chalicelib.tables.apps import App

endpoints = Endpoints(__name__)


@endpoints("GET", "/internal/log_access/{guid}")
def log_access(request: Request, guid: str) -> Answer:
    """204 for who may see the app, else the error that he is shown."""
    owned(request.actor, App, guid)
    return Answer(None, 204)
