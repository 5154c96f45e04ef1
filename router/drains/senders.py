"""Connections of drains: syslog over TLS or TCP, and HTTPS. To addresses that were judged, without redirects.

Each sender raises OSError (TimeoutError and ssl.SSLError are some), aiohttp.ClientError or AddressRefused when lines
cannot be delivered now.
"""

import asyncio
import contextlib
import socket
import ssl
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol

import aiohttp
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from chalicelib.adapters.outside import resolve
from chalicelib.core.addresses import Allowed
from router.drains.syslog import framed
from router.drains.targets import BATCHES, TLS, Target

#: Seconds to be let in, and to have a batch taken.
CONNECT_S, SEND_S = 10.0, 20.0

#: Bytes that may wait in this process for a slow server; what the kernel holds comes on top.
WAITING_BYTES = 64 * 1024

#: Names that are looked up at a time. In threads of their own: slow name servers must not hold up anything else.
LOOKUPS = 8

HTTP_HEADERS = {"Content-Type": "text/plain; charset=utf-8", "User-Agent": "zerofoundry-drain"}


class Sender(Protocol):
    async def send(self, messages: Sequence[bytes]) -> int:
        """How many of them are done with, from the first on."""
        ...

    async def close(self) -> None: ...


class RejectedError(Exception):
    """The server does not want what it was sent and would not want it again. done: messages before."""

    def __init__(self, status: int, done: int) -> None:
        super().__init__(f"it answers {status}")
        self.done = done


class Network:
    """What the senders of a router share. Made inside a running loop."""

    def __init__(self, allowed: Allowed) -> None:
        self._allowed = allowed
        self._threads = ThreadPoolExecutor(LOOKUPS, "drain-lookup")
        self._context: asyncio.Future[ssl.SSLContext] | None = None
        connector = aiohttp.TCPConnector(resolver=_Judged(self), use_dns_cache=False, limit=0, limit_per_host=0)
        self.http = aiohttp.ClientSession(connector=connector, cookie_jar=aiohttp.DummyCookieJar())

    async def where(self, host: str, port: int) -> str:
        """The address to connect to."""
        loop = asyncio.get_running_loop()
        lookup = loop.run_in_executor(self._threads, resolve, host, port, self._allowed)
        return await asyncio.wait_for(lookup, CONNECT_S)

    async def context(self) -> ssl.SSLContext:
        """With the system's certificate authorities. Loading them takes a while, so the first who needs them does."""
        if self._context is None:
            loop = asyncio.get_running_loop()
            self._context = asyncio.ensure_future(loop.run_in_executor(self._threads, ssl.create_default_context))
        return await asyncio.shield(self._context)

    def sender(self, target: Target) -> Sender:
        return _Http(target, self) if target.is_http else _Stream(target, self)

    async def close(self) -> None:
        await self.http.close()
        self._threads.shutdown(wait=False, cancel_futures=True)


class _Judged(AbstractResolver):
    """Name look-ups of the HTTP client."""

    def __init__(self, network: Network) -> None:
        self._network = network

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        address = await self._network.where(host, port)
        kind = socket.AF_INET6 if ":" in address else socket.AF_INET
        return [
            ResolveResult(hostname=host, host=address, port=port, family=kind, proto=0, flags=socket.AI_NUMERICHOST)
        ]

    async def close(self) -> None:
        pass


class _Stream:
    """Syslog over TCP, with TLS or without. There are no answers: what the kernel has taken counts as delivered."""

    def __init__(self, target: Target, network: Network) -> None:
        self._target, self._network = target, network
        self._streams: tuple[asyncio.StreamReader, asyncio.StreamWriter] | None = None

    async def send(self, messages: Sequence[bytes]) -> int:
        writer = await self._connected()
        try:
            writer.write(b"".join(map(framed, messages)))
            await asyncio.wait_for(writer.drain(), SEND_S)
        except (OSError, TimeoutError):
            await self.close()
            raise
        return len(messages)

    async def _connected(self) -> asyncio.StreamWriter:
        if self._streams is not None:
            reader, writer = self._streams
            if not reader.at_eof() and not writer.transport.is_closing():
                return writer
            await self.close()
        target = self._target
        address = await self._network.where(target.host, target.port)
        context = await self._network.context() if target.scheme == TLS else None
        name = target.host if context else None
        opening = asyncio.open_connection(address, target.port, ssl=context, server_hostname=name)
        self._streams = await asyncio.wait_for(opening, CONNECT_S)
        writer = self._streams[1]
        writer.transport.set_write_buffer_limits(high=WAITING_BYTES)
        return writer

    async def close(self) -> None:
        if self._streams is not None:
            writer = self._streams[1]
            self._streams = None
            if writer.transport.get_write_buffer_size():
                # It would wait for a server that does not read.
                writer.transport.abort()
            writer.close()
            with contextlib.suppress(OSError, TimeoutError):
                await asyncio.wait_for(writer.wait_closed(), 1)


class _Http:
    """A POST for each message, or one for all that are sent at a time."""

    def __init__(self, target: Target, network: Network) -> None:
        self._target, self._network = target, network
        self._url = URL(target.url)

    async def send(self, messages: Sequence[bytes]) -> int:
        if self._target.is_numeric:
            await self._network.where(self._target.host, self._target.port)  # the client would not ask for it
        bodies = [b"".join(messages)] if self._target.scheme == BATCHES else messages
        context = await self._network.context()
        for done, body in enumerate(bodies):
            try:
                await self._post(body, context, done)
            except (aiohttp.ClientError, OSError):
                if not done:
                    raise
                return done  # the next try will tell what is wrong
        return len(messages)

    async def _post(self, body: bytes, context: ssl.SSLContext, done: int) -> None:
        timeout = aiohttp.ClientTimeout(total=SEND_S, connect=CONNECT_S)
        async with self._network.http.post(
            self._url, data=body, headers=HTTP_HEADERS, ssl=context, allow_redirects=False, timeout=timeout
        ) as answer:
            if answer.status in (408, 429) or answer.status >= 500:
                raise OSError(f"it answers {answer.status}")
            if not 200 <= answer.status < 300:
                raise RejectedError(answer.status, done)

    async def close(self) -> None:
        pass
