"""What comes in pieces, and what comes without end."""

import asyncio

from aiohttp import web
from aiohttp.test_utils import TestServer

from dea_agent.staging.lifecycle import MAX_TEXT_BYTES, _keep_out
from dea_agent.staging.transfer import Transfer


def test_what_detect_prints_without_end_is_not_kept() -> None:
    kept: list[str] = []
    emit = _keep_out(kept)
    for _ in range(1000):
        emit("OUT", "x" * 32 * 1024)
        emit("OUT", "")
    assert sum(len(line) + 1 for line in kept) <= MAX_TEXT_BYTES + 1


async def _send_in_pieces(request: web.Request) -> web.StreamResponse:
    answer = web.StreamResponse()
    await answer.prepare(request)
    for piece in (b'{"a": "', b"x" * 200_000, b'"}'):
        await answer.write(piece)
        await asyncio.sleep(0.02)
    return answer


def test_a_specification_that_comes_in_pieces_is_read_to_its_end() -> None:
    async def read() -> object:
        app = web.Application()
        app.router.add_get("/", _send_in_pieces)
        async with TestServer(app) as server, Transfer() as transfer:
            return await transfer.json(str(server.make_url("/")), "specification")

    assert asyncio.run(read()) == {"a": "x" * 200_000}
