"""Where the requests of a route go: destinations as they may be, and what routers are told of them. Pure.

A destination is what a Route row keeps: ``{"guid", "app", "process"}`` and, when they were said, ``port``, ``weight``
and ``protocol``.
"""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from typing import Any

#: The port of destinations that name none.
APP_PORT = 8080

#: Cloud Foundry's limit; each is lent a port of the host.
MAX_PORTS = 10

HTTP1, HTTP2, TCP = "http1", "http2", "tcp"
PROTOCOLS = (HTTP1, HTTP2, TCP)

#: Cloud Foundry's limit.
MAX_DESTINATIONS = 100

#: Destinations in one transaction, which takes 100 operations: each may alter two processes (while a deployment runs),
#: owe both of them a message, put the route in the app's list and leave an audit event, beside the route itself.
AT_ONCE = 16

#: How requests are spread; of a route that says nothing it is at random, which evens out over many routers.
ROUND_ROBIN, LEAST_CONNECTION, HASH = "round-robin", "least-connection", "hash"

Destination = Mapping[str, Any]
#: App, process type, port: no two destinations of a route have the same.
End = tuple[str, str, int]


def end_of(destination: Destination) -> End:
    return destination["app"], destination["process"], int(destination.get("port") or APP_PORT)


def protocol_of(destination: Destination) -> str:
    return str(destination.get("protocol") or HTTP1)


def steps(before: Mapping[End, Destination], after: Mapping[End, Destination]) -> Iterator[dict[End, Destination]]:
    """What a route's destinations are after each of the transactions that lead from ``before`` to ``after``, the last
    of them in its order: what is new or changed comes first, then goes what is to go."""
    ends = [end for end in after if before.get(end) != after[end]] + [end for end in before if end not in after]
    now = dict(before)
    for start in range(0, len(ends), AT_ONCE):
        for end in ends[start : start + AT_ONCE]:
            if end in after:
                now[end] = after[end]
            else:
                del now[end]
        yield dict(after) if start + AT_ONCE >= len(ends) else dict(now)


def wrong_weights(weights: Sequence[int | None]) -> str | None:
    """All of them or none, and together they are the whole."""
    if all(weight is None for weight in weights):
        return None
    if any(weight is None for weight in weights):
        return "Destinations cannot contain both weighted and unweighted destinations."
    if sum(weight or 0 for weight in weights) != 100:
        return "Destinations must have weights that sum to 100."
    return None


def wrong_protocol(destinations: Iterable[Destination]) -> str | None:
    """Every route of this platform is an HTTP route."""
    for destination in destinations:
        if protocol_of(destination) == TCP:
            return "Cannot use 'tcp' protocol for http routes; valid options are: [http1, http2]."
    return None


def wrong_options(options: Mapping[str, Any], hashing: bool) -> list[str]:
    """``hashing``: whether the flag hash_based_routing is on. A value of None removes an option."""
    valid = ("loadbalancing", "hash_header", "hash_balance") if hashing else ("loadbalancing",)
    algorithms = (ROUND_ROBIN, LEAST_CONNECTION, HASH) if hashing else (ROUND_ROBIN, LEAST_CONNECTION)
    wrong = []
    if unknown := [key for key in options if key not in valid]:
        wrong.append(f"Options Unknown field(s): {', '.join(repr(key[:60]) for key in unknown)}")
    chosen = options.get("loadbalancing")
    if chosen is not None and chosen not in algorithms:
        wrong.append(f"Options Loadbalancing must be one of '{', '.join(algorithms)}' if present")
    if HASH in algorithms and chosen == HASH:
        wrong.append("Options Loadbalancing by hash is not supported by this platform's routers")
    for key in ("hash_header", "hash_balance"):
        if key in valid and options.get(key) is not None:
            wrong.append(f"Options {key.replace('_', ' ').capitalize()} can only be set when loadbalancing is hash")
    return wrong


def rule(
    destinations: Iterable[Destination], options: Mapping[str, Any], app: str, process: str
) -> dict[str, Any] | None:
    """What routers must know of a route beside who serves it, for one process; None when there is nothing.

    weight: of the whole process, however many instances it has; group: who shares that weight. ports: where they are
    other than the default one alone; weights: what of the weight each of them has.
    """
    mine = [one for one in destinations if (one["app"], one["process"]) == (app, process)]
    weights = [int(one["weight"]) for one in mine if one.get("weight")]
    said: dict[str, Any] = {}
    if weights:
        said |= {"weight": sum(weights), "group": f"{app}/{process}"}
    ports = sorted({end_of(one)[2]: one.get("weight") for one in mine}.items())
    if ports and ports != [(APP_PORT, ports[0][1])]:
        said["ports"] = [port for port, _ in ports]
        if weights:
            said["weights"] = [int(weight or 0) for _, weight in ports]
    if mine and all(protocol_of(one) == HTTP2 for one in mine):
        said["protocol"] = HTTP2
    if options.get("loadbalancing"):
        said["balance"] = options["loadbalancing"]
    return said or None


def open_ports(routes: Iterable[str], rules: Mapping[str, Mapping[str, Any]]) -> tuple[int, ...]:
    """The ports on which a process with these routes and rules listens; the first is ``$PORT``."""
    named = {port for route in routes for port in (rules.get(route) or {}).get("ports", [APP_PORT])}
    return tuple(sorted(named or {APP_PORT}, key=lambda port: (port != APP_PORT, port)))
