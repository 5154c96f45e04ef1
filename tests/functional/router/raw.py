"""Instances with manners of their own: each answers one connection by a coroutine, in a loop of its own thread."""

import asyncio
import threading
from collections.abc import Awaitable, Callable

Manners = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


class RawInstance:
    def __init__(self, manners: Manners) -> None:
        self._loop = asyncio.new_event_loop()
        self._manners = manners
        server = self._loop.run_until_complete(asyncio.start_server(self._serve, "127.0.0.1", 0, limit=2**20))
        self.port = server.sockets[0].getsockname()[1]
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await self._manners(reader, writer)
        except (ConnectionError, asyncio.IncompleteReadError):
            pass
        finally:
            writer.close()

    def close(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)


async def read_head(reader: asyncio.StreamReader) -> dict[str, str]:
    """Header fields of a request, with the request line as ``:line``."""
    head = (await reader.readuntil(b"\r\n\r\n")).decode()
    line, *fields = head.strip().split("\r\n")
    return {":line": line} | {name.lower(): value.strip() for name, _, value in (f.partition(":") for f in fields)}


async def echo_length(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Reads the whole body of a known length and answers with its size."""
    head = await read_head(reader)
    left = total = int(head["content-length"])
    while left:
        left -= len(await reader.read(min(left, 65536)))
    text = str(total).encode()
    writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: %d\r\nconnection: close\r\n\r\n%s" % (len(text), text))
    await writer.drain()


async def large_answer(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """200 MB, in chunks."""
    await read_head(reader)
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n")
    piece = b"x" * 65536
    for _ in range(3200):
        writer.write(b"10000\r\n" + piece + b"\r\n")
        await writer.drain()
    writer.write(b"0\r\n\r\n")
    await writer.drain()


def silent_for(seconds: float) -> Manners:
    async def manners(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await read_head(reader)
        await asyncio.sleep(seconds)
        writer.write(b"HTTP/1.1 200 OK\r\ncontent-length: 4\r\nconnection: close\r\n\r\nlate")
        await writer.drain()

    return manners


async def chunks_on_demand(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    """Answers each chunk of the request with a chunk, while the request is still open."""
    await read_head(reader)
    writer.write(b"HTTP/1.1 200 OK\r\ntransfer-encoding: chunked\r\nconnection: close\r\n\r\n")
    await writer.drain()
    while size := int(await reader.readline(), 16):
        data = await reader.readexactly(size)
        await reader.readline()
        writer.write(b"%x\r\n%s\r\n" % (size, data))
        await writer.drain()
    writer.write(b"0\r\n\r\n")
    await writer.drain()


async def dies_on_request(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    await read_head(reader)
