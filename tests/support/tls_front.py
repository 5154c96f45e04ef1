"""TLS before a server that speaks none, in a thread of its own."""

import asyncio
import contextlib
import ssl
import threading

from tests.support.certificates import bundle, serving


class TlsFront:
    """Passes bytes on to ``port`` of this host. Its own port stays while it lives."""

    def __init__(self, port: int, *hosts: str) -> None:
        self._behind = port
        self.context: ssl.SSLContext = serving(bundle(*hosts))
        # Who comes back with a ticket is not shown the certificate again.
        self.context.num_tickets = 0
        self.connections = 0
        self._is_to_cut = False
        self._open: set[asyncio.StreamWriter] = set()
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)
        self._thread.start()
        server = asyncio.run_coroutine_threadsafe(
            asyncio.start_server(self._serve, "127.0.0.1", 0, ssl=self.context), self._loop
        ).result(10)
        self.port = int(server.sockets[0].getsockname()[1])

    def cut(self) -> None:
        """The next bytes that a client sends end its connection, unanswered."""
        self._is_to_cut = True

    def present(self, pem: bytes) -> None:
        """Another certificate, with its key, from now on: open connections are ended."""
        serving(pem, self.context)
        asyncio.run_coroutine_threadsafe(self._end_all(), self._loop).result(10)

    async def _end_all(self) -> None:
        for writer in self._open:
            writer.transport.abort()

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        self._open.add(writer)
        try:
            with contextlib.suppress(OSError):
                inner_reader, inner_writer = await asyncio.open_connection("127.0.0.1", self._behind)
                back = asyncio.create_task(_pass_on(inner_reader, writer))
                await self._there(reader, inner_writer, writer)
                inner_writer.close()
                await back
        finally:
            self._open.discard(writer)
            writer.close()

    async def _there(
        self, reader: asyncio.StreamReader, inner: asyncio.StreamWriter, client: asyncio.StreamWriter
    ) -> None:
        while data := await reader.read(65536):
            if self._is_to_cut:
                self._is_to_cut = False
                client.transport.abort()
                return
            inner.write(data)
            await inner.drain()

    def close(self) -> None:
        asyncio.run_coroutine_threadsafe(self._end_all(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(5)


async def _pass_on(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    with contextlib.suppress(OSError):
        while data := await reader.read(65536):
            writer.write(data)
            await writer.drain()
    writer.close()
