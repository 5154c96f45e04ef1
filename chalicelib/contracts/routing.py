"""What DEAs tell routers, and how routers make themselves known."""

from chalicelib.contracts.frozen import frozen


@frozen
class RouteRule:
    """What a route asks of routers beside finding its instances. Routers read it from the grant (contracts.grants).

    weight: of all instances of ``group`` together, compared with the route's other groups; 0: none was said.
    protocol: http1 or http2 (without TLS). balance: round-robin or least-connection; empty: at random.
    ports: of its destinations, as these name them (:class:`OpenPort`); empty: ``$PORT``. weights: what each of them has
    of ``weight``, when one was said.
    """

    route: str
    group: str = ""
    weight: int = 0
    protocol: str = "http1"
    balance: str = ""
    ports: tuple[int, ...] = ()
    weights: tuple[int, ...] = ()


@frozen
class OpenPort:
    """internal: as destinations name it. external: of the host, where it is reached."""

    internal: int
    external: int


@frozen
class Endpoint:
    """A healthy instance behind routes (``host[/path]``, lower case, ``*.`` for a wildcard).

    grant: JWT signed by CC over instance guid, routes and routes_version (contracts.grants).
    rules: filled in by routers; what a DEA says there counts for nothing. port: of the host, to ``$PORT``.
    ports: all that are open, when there are more than one or it has another name than 8080.
    """

    instance_guid: str
    app_guid: str
    process_guid: str
    version: int
    index: int
    host: str
    port: int
    routes: tuple[str, ...]
    routes_version: int
    grant: str
    rules: tuple[RouteRule, ...] = ()
    ports: tuple[OpenPort, ...] = ()


@frozen
class Register:
    """``router.register`` on topic ``routes``. Order: (boot, seq); an older seq of a boot is dropped.

    full: this is all that the DEA has, and replaces everything of it that is older. A list too long for one message
    comes in ``parts``, this one being number ``part`` (from 0): all have one seq, none is ``full``, and when all of
    them have been heard they count as a full registration of that seq.
    """

    dea: str
    boot: str
    seq: int
    full: bool
    endpoints: tuple[Endpoint, ...]
    part: int = 0
    parts: int = 1


@frozen
class Unregister:
    """``router.unregister`` on topic ``routes``. A guid that was unregistered is never taken back."""

    dea: str
    boot: str
    seq: int
    instance_guids: tuple[str, ...]


@frozen
class RouterStart:
    """``router.start`` on topic ``components``: every DEA answers with a full registration at once.

    Said at boot, whenever an unknown DEA boot is heard, and every ROUTER_START_S. ``logs``: base address
    ``http://host:port`` where DEAs post log batches and peers read rings (unreachable for apps).
    A router that stops says it once with ``leaving`` set.
    """

    router: str
    boot: str
    logs: str
    leaving: bool = False
