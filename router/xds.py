"""The gRPC server on ZF_ROUTER_DIR/xds.sock: Envoy's configuration (ADS) and its access lines (ALS).

The socket's path is the same for every life of the agent, so a running Envoy comes back to a restarted one by
itself, within its back-off of at most half a second.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Callable, Mapping
from pathlib import Path
from typing import Any

import grpc
from envoy.service.discovery.v3 import ads_pb2_grpc
from envoy.service.discovery.v3.discovery_pb2 import DeltaDiscoveryRequest, DeltaDiscoveryResponse
from google.protobuf.empty_pb2 import Empty

from router.delta_stream import DeltaStream
from router.envoy_config import LISTENER, Resource
from router.rendering import Touched

log = logging.getLogger(__name__)

#: What Envoy says when it connects names all it holds: megabytes at 50,000 routes.
OPTIONS = [("grpc.max_receive_message_length", -1), ("grpc.max_send_message_length", -1)]

ACCESS_LOG_METHOD = "envoy.service.accesslog.v3.AccessLogService"


class XdsServer(ads_pb2_grpc.AggregatedDiscoveryServiceServicer):  # type: ignore[misc]
    """``resources`` is the live rendering; ``publish`` tells what of it has changed.

    take_lines: called with each serialised StreamAccessLogsMessage.
    """

    def __init__(
        self, path: Path, resources: Mapping[str, Mapping[str, Resource]], take_lines: Callable[[bytes], None]
    ) -> None:
        self._path, self._resources, self._take_lines = path, resources, take_lines
        self._server: Any = None
        self._streams: dict[DeltaStream, asyncio.Event] = {}
        self._may_remove = False
        self.pushes = 0
        self._past_nacks = 0
        #: Set when Envoy has taken its listener: it accepts connections.
        self.listening = asyncio.Event()
        #: Set, with its words in :attr:`complaint`, when Envoy cannot have its listener.
        self.refused = asyncio.Event()
        self.complaint = ""

    @property
    def nacks(self) -> int:
        return self._past_nacks + sum(stream.nacks for stream in self._streams)

    @property
    def connected(self) -> bool:
        return bool(self._streams)

    async def start(self) -> None:
        self._server = grpc.aio.server(options=OPTIONS)
        ads_pb2_grpc.add_AggregatedDiscoveryServiceServicer_to_server(self, self._server)
        # Lines stay bytes here: under load most are counted and dropped without being parsed.
        stream = grpc.stream_unary_rpc_method_handler(
            self._access_lines, request_deserializer=None, response_serializer=Empty.SerializeToString
        )
        self._server.add_generic_rpc_handlers(
            [grpc.method_handlers_generic_handler(ACCESS_LOG_METHOD, {"StreamAccessLogs": stream})]
        )
        self._server.add_insecure_port(f"unix:{self._path}")
        await self._server.start()

    async def stop(self) -> None:
        await self._server.stop(grace=0)

    def allow_removals(self) -> None:
        """We know enough to take from Envoy what we do not know. Again and again is fine."""
        if not self._may_remove:
            self._may_remove = True
            self.publish({})

    def publish(self, touched: Touched) -> None:
        """Tell every Envoy about changed resources, as soon as its stream is free."""
        for stream, wake in self._streams.items():
            stream.mark(touched)
            wake.set()

    async def DeltaAggregatedResources(
        self, requests: AsyncIterator[DeltaDiscoveryRequest], context: Any
    ) -> AsyncIterator[DeltaDiscoveryResponse]:
        stream, wake = DeltaStream(self._resources, lambda: self._may_remove), asyncio.Event()
        self._streams[stream] = wake
        reader = asyncio.create_task(self._read(requests, stream, wake))
        try:
            while not reader.done():
                await wake.wait()
                wake.clear()
                for response in stream.responses():
                    self.pushes += 1
                    yield response
        finally:
            reader.cancel()
            self._past_nacks += stream.nacks
            del self._streams[stream]

    async def _read(
        self, requests: AsyncIterator[DeltaDiscoveryRequest], stream: DeltaStream, wake: asyncio.Event
    ) -> None:
        try:
            async for request in requests:
                stream.receive(request)
                if LISTENER in stream.complaints:
                    self.complaint = stream.complaints[LISTENER]
                    self.refused.set()
                elif stream.holds(LISTENER):
                    self.listening.set()
                wake.set()
        finally:
            wake.set()

    async def _access_lines(self, requests: AsyncIterator[bytes], context: Any) -> Empty:
        async for message in requests:
            self._take_lines(message)
        return Empty()
