"""Passes TCP connections on: ``python -m tests.hosts.relay FROM_HOST:PORT=TO_HOST:PORT...``. With several targets
(``=A:1,B:2``) each connection goes to the next one, to another where nobody answers: as a load balancer does it."""

import asyncio
import itertools
import sys
from collections.abc import Sequence
from contextlib import suppress

Place = tuple[str, int]

#: Seconds that a target has to take a connection.
CONNECT_S = 1.0


def place(text: str) -> Place:
    host, _, port = text.rpartition(":")
    return host, int(port)


async def _copy(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    with suppress(OSError, RuntimeError):
        writer.write_eof()


async def serve(listen: Place, targets: Sequence[Place]) -> asyncio.Server:
    turn = itertools.count()

    async def connect() -> tuple[asyncio.StreamReader, asyncio.StreamWriter] | None:
        first = next(turn)
        for number in range(len(targets)):
            target = targets[(first + number) % len(targets)]
            with suppress(OSError, TimeoutError):
                return await asyncio.wait_for(asyncio.open_connection(*target), CONNECT_S)
        return None

    async def take(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            if found := await connect():
                await asyncio.gather(_copy(reader, found[1]), _copy(found[0], writer))
                found[1].close()
        finally:
            writer.close()

    return await asyncio.start_server(take, *listen)


async def main(words: Sequence[str]) -> None:
    for word in words:
        listen, _, targets = word.partition("=")
        await serve(place(listen), [place(target) for target in targets.split(",")])
    print("listening", flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    asyncio.run(main(sys.argv[1:]))
