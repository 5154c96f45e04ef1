"""/v3/openapi.json: the API's own description, which ``make openapi`` makes from the views."""

from pathlib import Path

from chalicelib.api.base import Answer, Endpoints, Request

endpoints = Endpoints(__name__)

PATH = Path(__file__).with_name("openapi.json")


@endpoints("GET", "/v3/openapi.json")
def show(request: Request) -> Answer:
    """This document."""
    return Answer(PATH.read_text())
