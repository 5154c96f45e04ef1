"""Log drains over real sockets: each line once, whatever the servers and the routers go through."""

import asyncio
import re
import time
from collections.abc import Coroutine, Iterator
from pathlib import Path
from typing import Any

import pytest
from aiohttp import web

from chalicelib.core.addresses import Allowed
from router.drains import backlog
from tests.functional.router.cloud import ControlPlane
from tests.functional.router.draining import APP, Syslog, certificate, lines, routers, said, until


@pytest.fixture(scope="module")
def plane() -> Iterator[ControlPlane]:
    plane = ControlPlane()
    yield plane
    plane.close()


def run(story: Coroutine[Any, Any, None]) -> None:
    asyncio.run(asyncio.wait_for(story, 60))


@pytest.fixture
def vouched(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    """A server's certificate that the system believes."""
    context = certificate(tmp_path)
    monkeypatch.setenv("SSL_CERT_FILE", str(tmp_path / "ca.pem"))
    return context


def test_lines_go_to_a_tls_drain_for_as_long_as_it_is_bound(plane: ControlPlane, tmp_path: Path, vouched: Any) -> None:
    async def story() -> None:
        async with routers(plane, tmp_path) as all_of_them:
            server, router = await Syslog(vouched).start(), await all_of_them.add()
            all_of_them.urls = (f"syslog-tls://localhost:{server.port}",)
            router.put(lines(0, 3), all_of_them.grant)
            await until(lambda: len(server.messages) == 3)
            assert re.fullmatch(
                r"<14>1 20\d\d-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{6}\+00:00 my-org\.dev\.shop app-1 \[APP/PROC/WEB/0\] - "
                r'\[tags@47450 app_id="app-1" app_name="shop" instance_id="0" process_instance_id="i-1" '
                r'source_id="app-1" source_type="APP/PROC/WEB"\] line 0\n',
                server.messages[0],
            )
            all_of_them.urls = ()
            await until(lambda: not router.drains.numbers()["log_drains"])
            router.put(lines(3, 6), all_of_them.grant)
            await asyncio.sleep(0.4)
            # Bound again: what was said in between is not for it.
            all_of_them.urls = (f"syslog-tls://127.0.0.1:{server.port}",)
            await asyncio.sleep(0.3)
            router.put(lines(6, 8), all_of_them.grant)
            await until(lambda: len(server.messages) == 5)
            assert server.texts() == [f"line {n}" for n in (0, 1, 2, 6, 7)]
            assert router.drains.numbers()["log_drain_lines_total"] == 5

    run(story())


def test_a_certificate_that_nobody_vouches_for_gets_no_line(plane: ControlPlane, tmp_path: Path) -> None:
    async def story() -> None:
        async with routers(plane, tmp_path) as all_of_them:
            server, router = await Syslog(certificate(tmp_path)).start(), await all_of_them.add()
            all_of_them.urls = tuple(f"{scheme}://localhost:{server.port}/" for scheme in ("syslog-tls", "https"))
            router.put(lines(0, 1), all_of_them.grant)
            told = await until(lambda: len(router.told()) == 2 and sorted(router.told()))
            assert [text.partition("/")[0] for text in told] == ["Syslog drain https:", "Syslog drain syslog-tls:"]
            assert all("its certificate is not good" in text for text in told)
            assert server.messages == []

    run(story())


def test_https_drains_get_a_post_per_line_or_per_batch_and_are_not_followed(
    plane: ControlPlane, tmp_path: Path, vouched: Any
) -> None:
    posts: list[tuple[str, str]] = []
    answers = iter([503, 200, 404, 307])

    async def take(request: web.Request) -> web.Response:
        status = next(answers, 200) if request.path == "/one" else 200
        posts.append((f"{request.path_qs} {status}", await request.text()))
        return web.Response(status=status, headers={"Location": "/stolen"})

    async def story() -> None:
        app = web.Application()
        app.router.add_post("/{path}", take)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0, ssl_context=vouched)
        await site.start()
        port = runner.addresses[0][1]
        async with routers(plane, tmp_path) as all_of_them:
            router = await all_of_them.add()
            all_of_them.urls = (f"https://u:secret@localhost:{port}/one?token=very-secret",)
            router.put(lines(0, 5), all_of_them.grant)
            await until(lambda: len(posts) == 6 and router.drains.totals.sent == 3)
            assert [what.rpartition(" ")[2] for what, _ in posts] == ["503", "200", "404", "307", "200", "200"]
            assert [body.partition("] line ")[2] for _, body in posts] == ["0\n", "0\n", "1\n", "2\n", "3\n", "4\n"]

            def lost() -> int:
                return sum(int(text.split()[0]) for text in router.told() if "lost for application app-1" in text)

            await until(lambda: lost() == 2)  # told at once or one by one, as they fall to the moments of telling
            assert f"Syslog drain https://localhost:{port} takes no lines: it answers 503" in router.told()
            assert "secret" not in str(router.told())
            posts.clear()
            all_of_them.urls = ()
            await until(lambda: not router.drains.numbers()["log_drains"])
            all_of_them.urls = (f"https-batch://localhost:{port}/many",)
            await asyncio.sleep(0.3)
            router.put(lines(5, 35), all_of_them.grant)
            await until(lambda: posts)
            ((what, batch),) = posts
            assert (what, batch.count("\n")) == ("/many 200", 30)
        await runner.cleanup()

    run(story())


def test_a_drain_that_is_away_gets_its_lines_when_it_is_back(plane: ControlPlane, tmp_path: Path) -> None:
    async def story() -> None:
        async with routers(plane, tmp_path) as all_of_them:
            server, router = await Syslog().start(), await all_of_them.add()
            server.server.close()
            all_of_them.urls = (f"syslog://127.0.0.1:{server.port}",)
            router.put(lines(0, 50), all_of_them.grant)
            await until(lambda: router.drains.totals.failures >= 2)
            (told,) = router.told()
            assert told == f"Syslog drain syslog://127.0.0.1:{server.port} takes no lines: it refuses connections"
            # Back-off: a dead server is not hammered.
            assert router.drains.totals.failures < 10
            await server.start()
            router.put(lines(50, 60), all_of_them.grant)
            await until(lambda: len(server.messages) == 60)
            assert server.texts() == [f"line {n}" for n in range(60)]
            assert (server.connections, router.drains.totals.lost) == (1, 0)

    run(story())


def test_a_drain_that_does_not_read_costs_bounded_memory_and_loses_the_oldest(
    plane: ControlPlane, tmp_path: Path
) -> None:
    async def story() -> None:
        async with routers(plane, tmp_path) as all_of_them:
            server, router = await Syslog(reads=False).start(), await all_of_them.add()
            all_of_them.urls = (f"syslog://127.0.0.1:{server.port}",)
            router.put(lines(0, 1), all_of_them.grant)
            await until(lambda: server.connections)
            for first in range(1, 1001, 50):
                router.put(lines(first, first + 50, "x" * 20_000), all_of_them.grant)
                await asyncio.sleep(0)
                assert router.drains.numbers()["log_drain_bytes"] <= backlog.MAX_BYTES
            await until(lambda: router.drains.totals.lost > 100)
            told = await until(lambda: [text for text in router.told() if "messages lost" in text])
            assert told[-1].endswith(f"lost for application {APP} in user provided syslog drain {all_of_them.urls[0]}")
            # The cache took them all the same, and what it was told; its ring has room for the last of them only.
            assert router.cache.taken >= 1001 + len(router.told())
            all_of_them.urls = ()
            await until(lambda: not router.drains.numbers()["log_drain_bytes"])
            server.server.close()

    run(story())


HOSTILE = {
    "syslog-tls://169.254.169.254:80": "169.254.169.254 is not a public address",
    "https://127.0.0.1:9/x": "127.0.0.1 is not a public address",
    "https://2130706433/": "https://2130706433:443 takes no lines",
    "https://[::1]:9/": "::1 is not a public address",
    "https-batch://localhost:9/": "localhost is not a public address",
    "syslog-tls://nobody.invalid": "nobody.invalid cannot be resolved",
    "syslog://127.0.0.1:9": "the operator does not allow drains without encryption",
    "file:///etc/passwd": "its URL must begin with",
    "syslog-tls://h:99999": "its URL is not valid",
}


def test_hostile_drains_get_nothing_but_a_line_in_the_apps_log(plane: ControlPlane, tmp_path: Path) -> None:
    async def story() -> None:
        async with routers(plane, tmp_path, allowed=Allowed(), plain_allowed=False) as all_of_them:
            router = await all_of_them.add()
            all_of_them.urls = tuple(HOSTILE)
            router.put(lines(0, 1), all_of_them.grant)
            told = "\n".join(await until(lambda: len(router.told()) == len(HOSTILE) and router.told()))
            assert [says for says in HOSTILE.values() if says not in told] == [], told
            assert router.drains.totals.sent == 0

    run(story())


def test_two_routers_deliver_each_line_once_and_one_goes_on_for_the_other(plane: ControlPlane, tmp_path: Path) -> None:
    async def story() -> None:
        async with routers(plane, tmp_path) as all_of_them:
            server = await Syslog().start()
            one, other = await all_of_them.add("router-0"), await all_of_them.add("router-1")
            all_of_them.urls = (f"syslog://127.0.0.1:{server.port}",)
            first, second = (one, other) if one.peers.is_first(APP) else (other, one)
            for router in (first, second):
                router.put(lines(0, 20), all_of_them.grant)
                # What the control plane says comes to both, in any order, and more than once.
                for number in (42, 40, 42, 41):
                    router.put([said(number)], all_of_them.grant)
            await until(lambda: len(server.messages) == 23)
            # The first falls silent; the second has these lines already when it finds out.
            await until(lambda: second.drains._sources[APP].marks.all() == first.drains._sources[APP].marks.all())
            second.put([*lines(20, 30), said(43), said(40)], all_of_them.grant)
            second.peers.forget(time.monotonic() + 100, 50)
            await until(lambda: len(server.messages) == 34)
            # It starts again and is sent what the DEA still has: it asks how far the other one came.
            first = await all_of_them.add(first.start.router)
            first.put([*lines(0, 40), said(42)], all_of_them.grant)
            second.put(lines(30, 40), all_of_them.grant)
            await until(lambda: len(server.messages) >= 44)
            await asyncio.sleep(0.3)
            assert sorted(server.texts(), key=lambda text: int(text.split()[1])) == [f"line {n}" for n in range(44)]

    run(story())


def test_a_router_that_starts_again_goes_on_where_it_ended(plane: ControlPlane, tmp_path: Path) -> None:
    async def story() -> None:
        server = await Syslog().start()
        for last in (10, 25):
            async with routers(plane, tmp_path) as all_of_them:
                router = await all_of_them.add()
                all_of_them.urls = (f"syslog://127.0.0.1:{server.port}",)
                # A new boot is sent again what the DEA still has.
                router.put(lines(0, last), all_of_them.grant)
                await until(lambda: len(server.messages) == last)  # noqa: B023
        assert server.texts() == [f"line {n}" for n in range(25)]

    run(story())


def test_drains_are_remembered_while_the_control_plane_is_away(plane: ControlPlane, tmp_path: Path) -> None:
    async def story() -> None:
        async with routers(plane, tmp_path) as all_of_them:
            server, router = await Syslog().start(), await all_of_them.add()
            all_of_them.urls = (f"syslog://127.0.0.1:{server.port}",)
            router.put(lines(0, 5), all_of_them.grant)
            await until(lambda: len(server.messages) == 5)
            plane.answers["/internal/drains"] = (503, b"")
            await asyncio.sleep(0.3)
            router.put(lines(5, 10), all_of_them.grant)
            await until(lambda: len(server.messages) == 10)

    run(story())
