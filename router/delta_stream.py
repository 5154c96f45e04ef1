"""One Envoy's incremental ADS stream as a state machine without I/O: requests in, responses out.

What is sent is the difference between the resources and what this Envoy holds, which it tells itself when it
connects (``initial_resource_versions``). Nothing goes away but by an explicit ``removed_resources``. Make before
break: a cluster and its endpoints come before the routes to it, and a cluster goes after them. One response per
type is on its way at a time, so that a burst of changes during Envoy's work becomes one response.
"""

import logging
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse

from router.envoy_config import ASSIGNMENT, CLUSTER, LISTENER, ROUTES, SECRET, Resource
from router.rendering import Touched

log = logging.getLogger(__name__)


@dataclass(slots=True)
class _Subscription:
    """sent: versions by name that Envoy has. pending: names to look at. nonce: of the response on its way."""

    started: bool = False
    wildcard: bool = False
    names: set[str] = field(default_factory=set)
    sent: dict[str, str] = field(default_factory=dict)
    pending: set[str] = field(default_factory=set)
    nonce: str = ""


class DeltaStream:
    """``resources``: by type URL and name, read whenever a response is made.

    may_remove: whether what Envoy holds and we do not know may be taken from it (not before we know enough).
    """

    def __init__(self, resources: Mapping[str, Mapping[str, Resource]], may_remove: Callable[[], bool]) -> None:
        self._resources = resources
        self._may_remove = may_remove
        self._subscriptions = {url: _Subscription() for url in (CLUSTER, ASSIGNMENT, LISTENER, ROUTES, SECRET)}
        #: New clusters whose endpoints have not been asked for yet; routes wait for them.
        self._warming: set[str] = set()
        #: Envoy brought routes that are not ours as they are now; they may know more than we do.
        self._foreign_routes = False
        self._nonces = 0
        self.nacks = 0
        #: Envoy's last word on a type that it refused, until it takes one.
        self.complaints: dict[str, str] = {}

    def receive(self, request: DeltaDiscoveryRequest) -> None:
        """A subscription, an acknowledgement, or both."""
        subscription = self._subscriptions.get(request.type_url)
        if subscription is None:
            log.warning("Envoy asks for %s, which the router does not use", request.type_url)
            return
        if request.response_nonce:
            self._acknowledge(subscription, request)
        names = set(request.resource_names_subscribe)
        if not subscription.started:
            subscription.started = True
            subscription.sent = dict(request.initial_resource_versions)
            if request.type_url == ROUTES:
                self._foreign_routes = bool(subscription.sent)
            subscription.wildcard = request.type_url in (CLUSTER, LISTENER) and names <= {"*"}
            if subscription.wildcard:
                subscription.pending = set(self._resources.get(request.type_url, {})) | set(subscription.sent)
        else:
            # Asked for again: it has been forgotten over there.
            for name in names:
                subscription.sent.pop(name, None)
        subscription.names |= names
        subscription.pending |= names - {"*"}
        for name in request.resource_names_unsubscribe:
            subscription.names.discard(name)
            subscription.pending.discard(name)
            subscription.sent.pop(name, None)

    def _acknowledge(self, subscription: _Subscription, request: DeltaDiscoveryRequest) -> None:
        if request.response_nonce == subscription.nonce:
            subscription.nonce = ""
        if request.HasField("error_detail"):
            self.nacks += 1
            self.complaints[request.type_url] = request.error_detail.message
            self._warming.clear()
            log.error("Envoy refuses %s: %s", request.type_url.rpartition(".")[2], request.error_detail.message)
        else:
            self.complaints.pop(request.type_url, None)

    def holds(self, type_url: str) -> bool:
        """Whether Envoy has all resources of the type as they are now."""
        subscription = self._subscriptions[type_url]
        current = {name: one.version for name, one in self._resources[type_url].items()}
        is_sent = current.items() <= subscription.sent.items()
        return not subscription.nonce and type_url not in self.complaints and is_sent

    def mark(self, touched: Touched) -> None:
        """These resources may be different now."""
        for type_url, names in touched.items():
            subscription = self._subscriptions[type_url]
            subscription.pending |= names if subscription.wildcard else names & subscription.names

    def responses(self) -> list[DeltaDiscoveryResponse]:
        """What can be sent now, in the order in which it must be."""
        made = [
            self._clusters(),
            self._assignments(),
            # A renewed certificate before a listener that may lead more names to it.
            self._difference(SECRET),
            self._difference(LISTENER),
            None if self._routes_wait() else self._difference(ROUTES),
            None if self._subscriptions[ROUTES].pending else self._difference(CLUSTER, removals=True),
        ]
        return [response for response in made if response is not None]

    def _clusters(self) -> DeltaDiscoveryResponse | None:
        clusters = self._subscriptions[CLUSTER]
        before = clusters.pending & clusters.sent.keys()
        response = self._difference(CLUSTER)
        assignments = self._subscriptions[ASSIGNMENT]
        for sent in response.resources if response else ():
            if sent.name not in self._resources[ASSIGNMENT]:
                continue
            if sent.name in before:
                # An altered cluster warms up again but does not ask again for its endpoints.
                assignments.sent.pop(sent.name, None)
                assignments.pending.add(sent.name)
            else:
                self._warming.add(sent.name)
        return response

    def _assignments(self) -> DeltaDiscoveryResponse | None:
        response = self._difference(ASSIGNMENT)
        # Those that are sent, and those that are no more.
        self._warming -= {sent.name for sent in response.resources} if response else set()
        self._warming &= self._resources[ASSIGNMENT].keys()
        return response

    def _routes_wait(self) -> bool:
        clusters = self._subscriptions[CLUSTER]
        if self._foreign_routes and not self._may_remove():
            return True
        return bool(self._warming or clusters.nonce or self._additions(clusters))

    def _additions(self, clusters: _Subscription) -> bool:
        known = self._resources[CLUSTER]
        return any(name in known for name in clusters.pending)

    def _difference(self, type_url: str, removals: bool = False) -> DeltaDiscoveryResponse | None:
        """The pending resources of a type that Envoy lacks or, with ``removals``, has without cause."""
        subscription, resources = self._subscriptions[type_url], self._resources.get(type_url, {})
        if not subscription.started or subscription.nonce or not subscription.pending:
            return None
        response = DeltaDiscoveryResponse(type_url=type_url)
        for name in sorted(subscription.pending):
            current = resources.get(name)
            if current is None:
                if removals and self._may_remove():
                    subscription.pending.discard(name)
                    if subscription.sent.pop(name, None):
                        response.removed_resources.append(name)
                elif type_url != CLUSTER:
                    # Envoy lets go of it by itself, with what needed it.
                    subscription.pending.discard(name)
                continue
            if removals:
                continue
            subscription.pending.discard(name)
            if subscription.sent.get(name) != current.version:
                subscription.sent[name] = current.version
                added = response.resources.add(name=name, version=current.version)
                added.resource.type_url, added.resource.value = type_url, current.value
        if not response.resources and not response.removed_resources:
            return None
        self._nonces += 1
        response.nonce = subscription.nonce = str(self._nonces)
        return response
