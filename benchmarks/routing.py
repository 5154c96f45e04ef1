"""From the start of publishing a registration to the first 200 through Envoy, with few and with many routes around."""

import statistics
import time
from http.client import HTTPConnection
from urllib.parse import urlsplit

from benchmarks.report import ROUNDS, Figure
from benchmarks.stand_ins import Dea, a_backend, world_of
from chalicelib.bootstrap import World
from tests.support.platform import Platform, a_platform, eventually

#: Routes in the table, and the aim in ms.
SIZES = {10: 50.0, 10_000: 150.0}

#: So many endpoints with their grants, 1.2 kB each, fit one message on the bus.
BATCH = 150

#: Between two looks whether the route is there: each costs the router an access line.
LOOK_S = 0.001


def run() -> list[Figure]:
    figures, routes = [], 0
    with a_platform(deas=1) as platform, a_backend() as backend:
        world = world_of(platform)
        for size, aim in SIZES.items():
            _fill(platform, world, range(routes, size), backend.port)
            routes = size
            figures.append(_measure(platform, Dea(world, f"bench-{size}"), size, backend.port, aim))
    return figures


def _fill(platform: Platform, world: World, numbers: range, port: int) -> None:
    """Register a route for each number, from as many DEAs as it takes; returns when all are in the table."""
    before = platform.varz("router-0")["urls"]
    for start in range(0, len(numbers), BATCH):
        dea = Dea(world, f"filler-{numbers[start]}")
        dea.say([dea.granted(f"filler-{n}.example.com", port) for n in numbers[start : start + BATCH]], full=True)
    eventually(lambda: platform.varz("router-0")["urls"] == before + len(numbers), within_s=120)


def _measure(platform: Platform, dea: Dea, size: int, port: int, aim: float) -> Figure:
    # Known as a DEA: a router asks all of them for everything when it hears a new one.
    dea.say([], full=True)
    waits, publishing = [], []
    router = HTTPConnection(urlsplit(platform.router).netloc)
    for number in range(ROUNDS):
        time.sleep(0.5)  # the bus, Envoy and the agent are through with the one before
        host = f"bench-{number}.among-{size}.example.com"
        endpoint = dea.granted(host, port)
        began = time.perf_counter()
        dea.say([endpoint])
        publishing.append(time.perf_counter() - began)
        while _status(router, host) != 200:
            assert time.perf_counter() - began < 30, f"no answer at {host}"
            time.sleep(LOOK_S)
        waits.append((time.perf_counter() - began) * 1000)
    note = f"the publish call itself {statistics.median(publishing) * 1000:.3g} ms"
    return Figure(f"registration published to route usable, {size:,} routes", "ms", waits, aim, note)


def _status(router: HTTPConnection, host: str) -> int:
    router.request("GET", "/", headers={"Host": host})
    answer = router.getresponse()
    answer.read()
    return answer.status
