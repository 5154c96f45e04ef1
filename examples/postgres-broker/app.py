"""A service broker (Open Service Broker API v2) that gives every instance a PostgreSQL database.

Plan ``small`` is made while the platform waits; plan ``large`` in the background, and the platform asks how it goes.
"""

import hmac
import os
import threading
from collections.abc import Callable
from typing import Any

from databases import Databases, UnknownGuid
from flask import Flask, Response, jsonify, request

SERVICE_ID = "8a1c4f6e-5a57-4b0e-9a4c-0f3b1d2c7e10"
SMALL_ID = "8a1c4f6e-5a57-4b0e-9a4c-0f3b1d2c7e11"
LARGE_ID = "8a1c4f6e-5a57-4b0e-9a4c-0f3b1d2c7e12"

CATALOG = {
    "services": [
        {
            "id": SERVICE_ID,
            "name": "postgres",
            "description": "A PostgreSQL database of your own, and a login for every app",
            "bindable": True,
            "plan_updateable": True,
            "bindings_retrievable": True,
            "tags": ["postgresql", "relational"],
            "metadata": {"displayName": "PostgreSQL", "shareable": True},
            "plans": [
                {"id": SMALL_ID, "name": "small", "description": "Ready at once", "free": True},
                {
                    "id": LARGE_ID,
                    "name": "large",
                    "description": "Made in the background",
                    "free": True,
                    "maximum_polling_duration": 600,
                },
            ],
        }
    ]
}

Answer = tuple[Response, int]


class Background:
    """At most one thread for each instance; one that died with its process is begun again by the next question."""

    def __init__(self) -> None:
        self._lock = threading.Lock()
        self._running: dict[str, threading.Thread] = {}

    def run(self, guid: str, work: Callable[[str], None]) -> None:
        with self._lock:
            thread = self._running.get(guid)
            if thread is None or not thread.is_alive():
                self._running[guid] = threading.Thread(target=work, args=[guid], daemon=True)
                self._running[guid].start()


def said(status: int, **body: Any) -> Answer:
    return jsonify(body), status


def make(databases: Databases, username: str, password: str) -> Flask:
    """The broker as a WSGI application; platforms log in with ``username`` and ``password``."""
    app = Flask(__name__)
    background = Background()

    @app.before_request
    def authenticate() -> Answer | None:
        given = request.authorization
        if (
            given is None
            or not hmac.compare_digest(str(given.username).encode(), username.encode())
            or not hmac.compare_digest(str(given.password).encode(), password.encode())
        ):
            return said(401, description="The username or the password is wrong")
        if not request.headers.get("X-Broker-API-Version", "").startswith("2."):
            return said(412, description="This broker speaks version 2 of the Open Service Broker API")
        return None

    @app.errorhandler(UnknownGuid)
    def unknown(error: UnknownGuid) -> Answer:
        return said(400, description="Guids look like 8a1c4f6e-5a57-4b0e-9a4c-0f3b1d2c7e10")

    def is_async() -> bool:
        return request.args.get("accepts_incomplete") == "true"

    @app.get("/v2/catalog")
    def catalog() -> Answer:
        return said(200, **CATALOG)

    @app.put("/v2/service_instances/<guid>")
    def provision(guid: str) -> Answer:
        plan = (request.get_json(silent=True) or {}).get("plan_id")
        if plan not in (SMALL_ID, LARGE_ID):
            return said(400, description="There is no such plan")
        if plan == LARGE_ID and not is_async():
            return said(422, error="AsyncRequired", description="Plan large is made in the background")
        present, state = databases.note(guid, plan)
        if present != plan or state == "deleting":
            return said(409, description="There is an instance of this guid with another plan, or one that is going")
        if state == "ready":
            return said(200)
        if plan == LARGE_ID:
            background.run(guid, databases.create)
            return said(202, operation="create")
        databases.create(guid)
        return said(201)

    @app.patch("/v2/service_instances/<guid>")
    def update(guid: str) -> Answer:
        plan = (request.get_json(silent=True) or {}).get("plan_id")
        if databases.state(guid) != "ready":
            return said(404, description="There is no such instance")
        if plan in (SMALL_ID, LARGE_ID):
            databases.set_plan(guid, plan)
        return said(200)

    @app.delete("/v2/service_instances/<guid>")
    def deprovision(guid: str) -> Answer:
        if databases.state(guid) is None:
            return said(410)
        if request.args.get("plan_id") == LARGE_ID and is_async():
            databases.mark(guid, "deleting")
            background.run(guid, databases.drop)
            return said(202, operation="delete")
        databases.drop(guid)
        return said(200)

    @app.get("/v2/service_instances/<guid>/last_operation")
    def last_operation(guid: str) -> Answer:
        state = databases.state(guid)
        if state is None:
            return said(410)
        if state == "ready":
            return said(200, state="succeeded")
        background.run(guid, databases.create if state == "creating" else databases.drop)
        return said(200, state="in progress", description=state)

    @app.put("/v2/service_instances/<instance>/service_bindings/<guid>")
    def bind(instance: str, guid: str) -> Answer:
        if databases.state(instance) != "ready":
            return said(404, description="There is no such instance")
        credentials, is_new = databases.bind(instance, guid)
        return said(201 if is_new else 200, credentials=credentials)

    @app.get("/v2/service_instances/<instance>/service_bindings/<guid>")
    def fetch(instance: str, guid: str) -> Answer:
        if databases.state(instance) != "ready" or not databases.has_login(guid):
            return said(404, description="There is no such binding")
        return said(200, credentials=databases.credentials(instance, guid))

    @app.delete("/v2/service_instances/<instance>/service_bindings/<guid>")
    def unbind(instance: str, guid: str) -> Answer:
        return said(200 if databases.unbind(instance, guid) else 410)

    return app


def from_environment() -> Flask:
    """BROKER_USERNAME, BROKER_PASSWORD, and DATABASE_URL of the server: all of them must be set."""
    password = os.environ["BROKER_PASSWORD"]
    return make(Databases(os.environ["DATABASE_URL"], password), os.environ["BROKER_USERNAME"], password)


if __name__ == "__main__":
    from_environment().run("0.0.0.0", int(os.environ.get("PORT", "8080")), threaded=True)
