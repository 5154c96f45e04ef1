"""How a real Envoy chooses among a route's instances, as the route asks: weights, HTTP/2, open connections."""

import asyncio
import threading
from collections import Counter
from concurrent import futures
from typing import Any

import grpc
import httpx

from chalicelib.contracts.routing import Register
from tests.functional.router.cloud import Dea, Instance, Router, eventually
from tests.functional.router.raw import RawInstance, read_head
from tests.functional.router.test_routes import instances, reached


def test_requests_follow_the_weights_of_destinations_not_the_number_of_instances(router: Router, dea: Dea) -> None:
    with instances("blue", "blue", "green") as (blue, second, green):
        few, many = {"group": "b", "weight": 20}, {"group": "g", "weight": 80}
        dea.register(
            dea.endpoint("weight-1", blue.port, "weight.localhost", **few),
            dea.endpoint("weight-2", second.port, "weight.localhost", **few),
            dea.endpoint("weight-3", green.port, "weight.localhost", **many),
        )
        eventually(lambda: {reached(router, "weight.localhost") for _ in range(10)} == {"blue", "green"})
        with httpx.Client(base_url=router.url, headers={"Host": "weight.localhost"}) as client:
            seen = Counter(client.get("/").text.split()[0] for _ in range(200))
        assert 140 <= seen["green"] <= 180, seen


def test_a_destination_that_speaks_http2_is_spoken_to_in_http2(router: Router, dea: Dea) -> None:
    class Echo(grpc.GenericRpcHandler):
        def service(self, handler_call_details: Any) -> Any:
            return grpc.unary_unary_rpc_method_handler(lambda request, context: request.upper())

    server = grpc.server(futures.ThreadPoolExecutor(2), handlers=(Echo(),))
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        dea.register(dea.endpoint("grpc-1", port, "grpc.localhost", protocol="http2"))
        options = [("grpc.default_authority", "grpc.localhost")]
        with grpc.insecure_channel(f"127.0.0.1:{router.port}", options=options) as channel:
            call = channel.unary_unary("/a.B/C")
            assert eventually(lambda: call(b"hello", timeout=5)) == b"HELLO"
    finally:
        server.stop(0)


def test_the_instance_with_the_fewest_open_requests_is_taken(router: Router, dea: Dea) -> None:
    release = threading.Event()

    async def slow(reader: Any, writer: Any) -> None:
        await read_head(reader)
        await asyncio.to_thread(release.wait, 20)
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 6\r\n\r\nslow 0")
        await writer.drain()

    busy, free = RawInstance(slow), Instance("free")
    try:
        for guid, port in (("busy", busy.port), ("free", free.port)):
            dea.register(dea.endpoint(guid, port, "least.localhost", balance="least-connection"))
        with futures.ThreadPoolExecutor(4) as pool:
            eventually(lambda: router.varz()["router"]["endpoints"] >= 2)
            held: list[futures.Future[Any]] = []

            def is_held() -> bool:
                held.append(pool.submit(router.get, "least.localhost", timeout=30))
                return bool(futures.wait(held, timeout=1).not_done)

            # Sooner or later one comes to the slow instance; while it is open, all others go elsewhere.
            eventually(is_held)
            assert {reached(router, "least.localhost") for _ in range(10)} == {"free"}
            release.set()
            assert all(one.result().status_code == 200 for one in held)
    finally:
        release.set()
        busy.close()
        free.close()


def test_a_long_list_comes_in_parts_and_takes_away_what_it_does_not_name(router: Router, dea: Dea) -> None:
    with instances("one", "two", "old") as (one, two, old):
        dea.register(dea.endpoint("parts-0", old.port, "old.localhost"))
        eventually(lambda: reached(router, "old.localhost") == "old")
        dea.seq += 1
        lists = (
            [dea.endpoint("parts-1", one.port, "p1.localhost")],
            [dea.endpoint("parts-2", two.port, "p2.localhost")],
        )
        for part, endpoints in enumerate(lists):
            message = Register(dea.name, dea.boot, dea.seq, False, tuple(endpoints), part, 2)
            dea.bus.say("topic:routes", "router.register", message)
        eventually(lambda: reached(router, "p1.localhost") == "one" and reached(router, "p2.localhost") == "two")
        eventually(lambda: reached(router, "old.localhost") in ("no_endpoints", "unknown_route"))
