"""The Open Service Broker API v2, as far as it is decided: what a broker's answer means. Pure.

Calls are data (``Call``), so are answers (``Reply``); ``after_call`` and ``after_poll`` say what follows.
"""

import json
from collections.abc import Mapping
from dataclasses import field
from typing import Any

from chalicelib.contracts.frozen import frozen
from chalicelib.core.errors import BrokerError

#: The version of the interface that is spoken.
VERSION = "2.16"

PROVISION, UPDATE, DEPROVISION, BIND, UNBIND = "provision", "update", "deprovision", "bind", "unbind"
#: verb -> what last_operation calls it.
TYPES = {PROVISION: "create", UPDATE: "update", DEPROVISION: "delete", BIND: "create", UNBIND: "delete"}
#: After these a broker may hold something that nobody has.
MAKING = (PROVISION, BIND)
REMOVING = (DEPROVISION, UNBIND)

#: What may follow: it is done; it goes on, ask again; the same call has to be made again; it failed.
DONE, GOES_ON, AGAIN, FAILED = "done", "goes on", "again", "failed"

#: Of what a broker says in words, characters that are kept.
MAX_TEXT = 1024
#: Of the text by which a broker knows its operation again (the specification's own limit).
MAX_OPERATION = 10_000
#: Of a URL that a broker gives.
MAX_URL = 2048
#: Of credentials and mounts, and of parameters, bytes of JSON: they are sealed into one DynamoDB item (400 KB).
MAX_OBJECT_BYTES = 100_000


@frozen
class Call:
    """One request to a broker; ``path`` without the broker's own URL. identity: guid of who caused it, or empty."""

    method: str
    path: str
    query: Mapping[str, str] = field(default_factory=dict)
    body: Mapping[str, Any] | None = None
    identity: str = ""


@frozen
class Reply:
    """status 0: no answer came, ``problem`` says why, and ``sent`` whether the broker may have got the request.

    body: a JSON object, or None for anything else. retry_after_s: of the header.
    """

    status: int = 0
    body: dict[str, Any] | None = None
    problem: str = ""
    sent: bool = True
    retry_after_s: float | None = None


@frozen
class Outcome:
    """state: one of those above. orphan: the broker may hold something now. operation: to ask after it."""

    state: str
    body: Mapping[str, Any] = field(default_factory=dict)
    error: BrokerError | None = None
    orphan: bool = False
    operation: str | None = None
    retry_after_s: float | None = None


#: ``error`` of a 422 -> title and what is said when the broker says nothing.
KNOWN_ERRORS = {
    "AsyncRequired": (
        "AsyncRequired",
        "This service plan requires client support for asynchronous service operations.",
    ),
    "MaintenanceInfoConflict": (
        "MaintenanceInfoConflict",
        "The maintenance information is not that of the service plan; refresh the catalog.",
    ),
    "RequiresApp": (
        "AppRequired",
        "This service supports generation of credentials through binding an application only.",
    ),
}


def after_call(verb: str, reply: Reply) -> Outcome:
    """What an answer to ``verb`` means, by the specification's table of statuses and of orphans."""
    making, body = verb in MAKING, reply.body
    if reply.status == 0:
        return Outcome(FAILED, error=no_answer(reply), orphan=making and reply.sent)
    if reply.status == 410 and verb in REMOVING:
        return Outcome(DONE)
    if reply.status == 202:
        if body is None or not _is_text(body.get("operation"), MAX_OPERATION):
            return Outcome(FAILED, error=malformed(reply), orphan=making)
        return Outcome(GOES_ON, body, operation=body.get("operation"), retry_after_s=reply.retry_after_s)
    if reply.status in (200, 201) and not (reply.status == 201 and verb not in MAKING):
        problem = "the body is not a JSON object" if body is None else _wrong(verb, body)
        if problem:
            return Outcome(FAILED, error=malformed(reply, problem), orphan=making and reply.status != 200)
        return Outcome(DONE, body or {})
    if reply.status == 422 and body and body.get("error") == "ConcurrencyError":
        return Outcome(AGAIN, error=said(reply, "ConcurrencyError"), retry_after_s=reply.retry_after_s)
    refused = 400 <= reply.status < 500 and reply.status != 408
    return Outcome(FAILED, error=refusal(reply), orphan=making and not refused)


def after_poll(verb: str, reply: Reply) -> Outcome:
    """What ``last_operation`` says. What is not understood is asked again, until the operation's time is over."""
    making = verb in MAKING
    if reply.status == 410 and verb in REMOVING:
        return Outcome(DONE)
    if reply.status in (400, 410):
        return Outcome(FAILED, error=refusal(reply), orphan=making)
    state = reply.body.get("state") if reply.status == 200 and reply.body else None
    if state == "succeeded":
        return Outcome(DONE)
    if state == "failed":
        reason = description(reply) or "The broker gave no reason."
        return Outcome(FAILED, error=not_completed(verb, reason), orphan=making)
    return Outcome(GOES_ON, reply.body or {}, retry_after_s=reply.retry_after_s)


def after_fetch(reply: Reply) -> Outcome:
    """What a GET of a binding or an instance says."""
    if reply.status == 200 and reply.body is not None:
        problem = _wrong(BIND, reply.body)
        return Outcome(FAILED, error=malformed(reply, problem)) if problem else Outcome(DONE, reply.body)
    return Outcome(FAILED, error=no_answer(reply) if reply.status == 0 else refusal(reply))


def not_completed(verb: str, reason: str) -> BrokerError:
    """An operation that went on for a while and ended badly."""
    return BrokerError(f"{verb} could not be completed: {reason}", "UnableToPerform", 10009)


def no_answer(reply: Reply) -> BrokerError:
    title = "ServiceBrokerApiTimeout" if reply.sent else "ServiceBrokerApiUnreachable"
    return BrokerError(reply.problem, title)


def refusal(reply: Reply) -> BrokerError:
    """A status that is not a success, in the broker's words or ours."""
    error = str((reply.body or {}).get("error", ""))
    if reply.status == 422 and error in KNOWN_ERRORS:
        title, text = KNOWN_ERRORS[error]
        return BrokerError(f"Service broker error: {description(reply)}" if description(reply) else text, title)
    if reply.status == 401:
        return BrokerError(
            "Authentication with the service broker failed. Double-check that the username and password are correct.",
            "ServiceBrokerApiAuthenticationFailed",
        )
    if reply.status == 409:
        return said(reply, "ServiceBrokerConflict")
    return said(reply, "ServiceBrokerRequestRejected" if reply.status < 500 else "ServiceBrokerBadResponse")


def said(reply: Reply, title: str) -> BrokerError:
    text = description(reply)
    return BrokerError(f"Service broker error: {text}", title) if text else malformed(reply)


def malformed(reply: Reply, problem: str = "") -> BrokerError:
    reason = f": {problem}" if problem else ""
    return BrokerError(
        f"The service broker returned an invalid response: status code {reply.status}{reason}",
        "ServiceBrokerResponseMalformed",
    )


def description(reply: Reply) -> str:
    """The broker's own words, cut to a length; empty when there are none."""
    text = (reply.body or {}).get("description")
    return text[:MAX_TEXT] if isinstance(text, str) else ""


def _wrong(verb: str, body: Mapping[str, Any]) -> str:
    """What is wrong with the body of a success, or nothing."""
    texts = ("dashboard_url", "syslog_drain_url", "route_service_url")
    wrong = [f"{name} must be a string" for name in texts if not _is_text(body.get(name), MAX_URL)]
    if verb == BIND:
        if not isinstance(body.get("credentials"), dict | None):
            wrong.append("credentials must be an object")
        mounts = body.get("volume_mounts")
        if mounts is not None and not (isinstance(mounts, list) and all(isinstance(item, dict) for item in mounts)):
            wrong.append("volume_mounts must be a list of objects")
    kept = {name: body.get(name) for name in ("credentials", "volume_mounts", "parameters")}
    if len(json.dumps(kept)) > MAX_OBJECT_BYTES:
        wrong.append(f"credentials, mounts and parameters must be at most {MAX_OBJECT_BYTES} bytes")
    return "; ".join(wrong)


def _is_text(value: object, limit: int) -> bool:
    return value is None or (isinstance(value, str) and len(value) <= limit)
