"""Envoy's side is played by hand: requests in, responses out."""

from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse

from router.delta_stream import DeltaStream
from router.envoy_config import ASSIGNMENT, CLUSTER, LISTENER, ROUTES, ROUTES_NAME, Resource

Resources = dict[str, dict[str, Resource]]


def resources(*names: str) -> Resources:
    return {
        CLUSTER: {name: Resource("1", b"c") for name in names},
        ASSIGNMENT: {name: Resource("1", b"a") for name in names},
        LISTENER: {"ingress": Resource("1", b"l")},
        ROUTES: {ROUTES_NAME: Resource("+".join(names), b"r")},
    }


class Envoy:
    """Takes what comes, as Envoy would."""

    def __init__(self, held: Resources, may_remove: bool = True) -> None:
        self.may_remove = may_remove
        self.stream = DeltaStream(held, lambda: self.may_remove)

    def ask(self, type_url: str, *names: str, has: dict[str, str] | None = None) -> None:
        request = DeltaDiscoveryRequest(type_url=type_url, resource_names_subscribe=names)
        request.initial_resource_versions.update(has or {})
        self.stream.receive(request)

    def take(self, response: DeltaDiscoveryResponse, error: str = "") -> None:
        request = DeltaDiscoveryRequest(type_url=response.type_url, response_nonce=response.nonce)
        if error:
            request.error_detail.message = error
        self.stream.receive(request)

    def answers(self) -> list[tuple[str, list[str], list[str]]]:
        """What comes now: (type, names, removed); all of it is accepted."""
        responses = self.stream.responses()
        for response in responses:
            self.take(response)
        return [
            (response.type_url, [one.name for one in response.resources], list(response.removed_resources))
            for response in responses
        ]

    def connect(self, *clusters: str) -> None:
        """A new Envoy gets everything."""
        self.ask(CLUSTER)
        self.answers()
        self.ask(ASSIGNMENT, *clusters)
        self.ask(LISTENER)
        self.ask(ROUTES, ROUTES_NAME)
        self.answers()
        assert all(self.stream.holds(url) for url in (CLUSTER, ASSIGNMENT, LISTENER, ROUTES))


def add(held: Resources, stream: DeltaStream, name: str) -> None:
    held[CLUSTER][name], held[ASSIGNMENT][name] = Resource("1", b"c"), Resource("1", b"a")
    held[ROUTES][ROUTES_NAME] = Resource(held[ROUTES][ROUTES_NAME].version + "+" + name, b"r")
    stream.mark({CLUSTER: {name}, ASSIGNMENT: {name}, ROUTES: {ROUTES_NAME}})


def drop(held: Resources, stream: DeltaStream, name: str) -> None:
    del held[CLUSTER][name], held[ASSIGNMENT][name]
    held[ROUTES][ROUTES_NAME] = Resource(held[ROUTES][ROUTES_NAME].version + "-" + name, b"r")
    stream.mark({CLUSTER: {name}, ASSIGNMENT: {name}, ROUTES: {ROUTES_NAME}})


def test_a_new_envoy_gets_everything() -> None:
    envoy = Envoy(resources("a", "b"))
    envoy.ask(CLUSTER)
    assert envoy.answers() == [(CLUSTER, ["a", "b"], [])]
    envoy.ask(ASSIGNMENT, "a", "b")
    envoy.ask(LISTENER)
    assert envoy.answers() == [(ASSIGNMENT, ["a", "b"], []), (LISTENER, ["ingress"], [])]
    envoy.ask(ROUTES, ROUTES_NAME)
    assert envoy.answers() == [(ROUTES, [ROUTES_NAME], [])]


def test_an_envoy_that_has_everything_gets_nothing() -> None:
    envoy = Envoy(resources("a"))
    envoy.ask(CLUSTER, has={"a": "1"})
    envoy.ask(ASSIGNMENT, "a", has={"a": "1"})
    envoy.ask(LISTENER, has={"ingress": "1"})
    envoy.ask(ROUTES, ROUTES_NAME, has={ROUTES_NAME: "a"})
    assert envoy.answers() == []
    assert envoy.stream.holds(LISTENER)


def test_routes_come_after_the_endpoints_of_their_clusters() -> None:
    held = resources("a")
    envoy = Envoy(held)
    envoy.connect("a")
    add(held, envoy.stream, "b")
    assert envoy.answers() == [(CLUSTER, ["b"], [])]
    assert envoy.answers() == []
    envoy.ask(ASSIGNMENT, "b")
    assert envoy.answers() == [(ASSIGNMENT, ["b"], []), (ROUTES, [ROUTES_NAME], [])]


def test_a_cluster_goes_after_the_routes_to_it() -> None:
    held = resources("a", "b")
    envoy = Envoy(held)
    envoy.connect("a", "b")
    drop(held, envoy.stream, "b")
    assert envoy.answers() == [(ROUTES, [ROUTES_NAME], []), (CLUSTER, [], ["b"])]


def test_a_cluster_that_is_gone_before_it_was_warm_holds_nothing_up() -> None:
    held = resources()
    envoy = Envoy(held)
    envoy.connect()
    add(held, envoy.stream, "b")
    assert envoy.answers() == [(CLUSTER, ["b"], [])]
    drop(held, envoy.stream, "b")
    envoy.ask(ASSIGNMENT, "b")
    assert envoy.answers() == [(ROUTES, [ROUTES_NAME], []), (CLUSTER, [], ["b"])]


def test_changes_during_envoys_work_become_one_response() -> None:
    held = resources("a")
    envoy = Envoy(held)
    envoy.connect("a")
    add(held, envoy.stream, "b")
    (first,) = envoy.stream.responses()
    add(held, envoy.stream, "c")
    add(held, envoy.stream, "d")
    assert envoy.stream.responses() == []
    envoy.take(first)
    assert envoy.answers() == [(CLUSTER, ["c", "d"], [])]


def test_a_refused_response_is_counted_and_not_said_again() -> None:
    held = resources()
    envoy = Envoy(held)
    envoy.connect()
    add(held, envoy.stream, "b")
    (response,) = envoy.stream.responses()
    envoy.take(response, error="I will not")
    assert envoy.stream.nacks == 1
    assert envoy.stream.complaints == {CLUSTER: "I will not"}
    assert CLUSTER not in [type_url for type_url, _, _ in envoy.answers()]


def test_an_altered_cluster_comes_with_its_endpoints() -> None:
    held = resources("a")
    envoy = Envoy(held)
    envoy.connect("a")
    held[CLUSTER]["a"] = Resource("2", b"c2")
    envoy.stream.mark({CLUSTER: {"a"}})
    assert envoy.answers() == [(CLUSTER, ["a"], []), (ASSIGNMENT, ["a"], [])]


def test_what_is_asked_for_again_is_sent_again() -> None:
    envoy = Envoy(resources("a"))
    envoy.connect("a")
    envoy.ask(ASSIGNMENT, "a")
    assert envoy.answers() == [(ASSIGNMENT, ["a"], [])]


def test_nothing_unknown_is_taken_from_an_envoy_before_we_know_enough() -> None:
    held = resources("a")
    envoy = Envoy(held, may_remove=False)
    envoy.ask(CLUSTER, has={"a": "1", "theirs": "1"})
    envoy.ask(ASSIGNMENT, "a", "theirs", has={"a": "1", "theirs": "1"})
    envoy.ask(ROUTES, ROUTES_NAME, has={ROUTES_NAME: "a+theirs"})
    add(held, envoy.stream, "b")
    assert envoy.answers() == [(CLUSTER, ["b"], [])]
    envoy.ask(ASSIGNMENT, "b")
    assert envoy.answers() == [(ASSIGNMENT, ["b"], [])]
    envoy.may_remove = True
    assert envoy.answers() == [(ROUTES, [ROUTES_NAME], []), (CLUSTER, [], ["theirs"])]


def test_an_unknown_type_is_ignored() -> None:
    envoy = Envoy(resources())
    envoy.ask("type.googleapis.com/envoy.service.runtime.v3.Runtime")
    assert envoy.answers() == []
