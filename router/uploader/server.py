"""``POST /v3/{packages,droplets,buildpacks}/GUID/upload``: ask CC, stream to S3, tell CC.

CC decides before a byte of the body is read; a client that waits for "100 Continue" has sent none by then. One that
does not wait is answered at once and its body is thrown away for a while, because many clients only look for an
answer when they have sent everything, and see a closed connection as no answer at all.
"""

import asyncio
import hashlib
import json
import logging
import time
from typing import Any

import aiohttp
from aiohttp import web

from router.api_error import error
from router.uploader.multipart import MultipartError, MultipartParser, PartData, PartEnd, PartStart, boundary
from router.uploader.parts import PartWriter, StoreError
from router.uploader.slots import BusyError, Slots
from router.uploader.target import Answer, ControlPlane, Received, Target

log = logging.getLogger(__name__)

#: The list of known files: 50,000 with long names. One above the second size does not go through CC's front door.
MAX_RESOURCES_BYTES, INLINE_RESOURCES_BYTES = 16 * 1024 * 1024, 256 * 1024

#: Of the name that a client gives its file, characters.
MAX_FILENAME = 1000

#: Of the client's request, for CC: who asks, by which id, and by which address its links are to begin.
PASSED_ON = ("Authorization", "X-Vcap-Request-Id", "X-Forwarded-Host", "X-Forwarded-Proto")

#: A client that sends nothing for so long is gone, seconds.
STALL_S = 60.0

#: A refused body is read on for at most so long; or until nothing came for the second time.
REFUSED_S, QUIET_S = 30.0, 0.3


class Uploader:
    """Counts what it does in :attr:`numbers`."""

    def __init__(self, plane: ControlPlane, session: aiohttp.ClientSession) -> None:
        self._plane, self._session = plane, session
        self._slots = Slots()
        self.numbers: dict[str, float] = {
            "uploads_total": 0,
            "refused_total": 0,
            "broken_total": 0,
            "bytes_total": 0,
            "active": 0,
        }

    def app(self) -> web.Application:
        app = web.Application()
        kind = "{kind:packages|droplets|buildpacks}"
        # Without an expect handler of our own the client would be told to go on before CC is asked.
        app.router.add_post(f"/v3/{kind}/{{guid}}/upload", self._upload, expect_handler=_say_nothing_yet)
        return app

    async def _upload(self, request: web.Request) -> web.StreamResponse:
        headers = {name: request.headers[name] for name in PASSED_ON if name in request.headers}
        kind, guid = request.match_info["kind"], request.match_info["guid"]
        try:
            decision = await self._plane.authorise(kind, guid, request.content_length, headers)
        except (aiohttp.ClientError, TimeoutError, ValueError) as problem:
            log.error("the control plane cannot be asked: %r", problem, extra=_trace(headers))
            decision = _away()
        if isinstance(decision, Answer):
            self.numbers["refused_total"] += 1
            return await _refuse(request, decision)
        try:
            async with self._slots.held(decision.user):
                self.numbers["active"] += 1
                try:
                    return await self._take(request, decision, headers)
                finally:
                    self.numbers["active"] -= 1
        except BusyError as busy:
            self.numbers["refused_total"] += 1
            await PartWriter(self._session, decision).abort()
            return await _refuse(request, _busy(busy))

    async def _take(self, request: web.Request, target: Target, headers: dict[str, str]) -> web.StreamResponse:
        writer = PartWriter(self._session, target)
        try:
            parser = MultipartParser(boundary(request.headers.get("Content-Type", "")))
            await _continue(request)
            form = _Form(writer)
            async for data in _pieces(request):
                for event in parser.feed(data):
                    await form.take(event)
            parser.close()
            answer = await self._finish(target, writer, form, headers)
        except MultipartError as problem:
            await self._give_up(writer, f"{problem}", headers)
            return await _refuse(request, _unprocessable(str(problem)))
        except (StoreError, aiohttp.ClientError, TimeoutError, ValueError) as problem:
            await self._give_up(writer, repr(problem), headers)
            return await _refuse(request, _away())
        except BaseException as problem:
            # The client is gone, or we are to end.
            await asyncio.shield(self._give_up(writer, repr(problem), headers))
            raise
        self.numbers["uploads_total"] += 1
        self.numbers["bytes_total"] += writer.size
        more = {"Location": answer.location} if answer.location else None
        return web.Response(status=answer.status, body=answer.body, content_type=answer.content_type, headers=more)

    async def _finish(self, target: Target, writer: PartWriter, form: "_Form", headers: dict[str, str]) -> Answer:
        if not writer.size and form.resources is None:
            raise MultipartError("Upload must include either resources or bits")
        if writer.size:
            await writer.complete()
        else:
            await writer.abort()
        is_long = form.resources is not None and len(form.text) > INLINE_RESOURCES_BYTES and bool(target.resources_url)
        if is_long:
            await writer.store_apart(target.resources_url, bytes(form.text))
        received = Received(
            size=writer.size,
            sha256=form.digest.hexdigest() if writer.size else None,
            filename=form.filename[:MAX_FILENAME],
            resources=None if is_long else form.resources,
            resources_stored=is_long,
        )
        return await self._plane.complete(target, received, headers)

    async def _give_up(self, writer: PartWriter, reason: str, headers: dict[str, str]) -> None:
        log.warning("an upload broke off: %s", reason, extra=_trace(headers))
        self.numbers["broken_total"] += 1
        await writer.abort()


class _Form:
    """The two fields of an upload, in any order. ``bits`` goes to the writer as it comes."""

    def __init__(self, writer: PartWriter) -> None:
        self._writer = writer
        self._field = ""
        self.text = bytearray()
        self.filename = ""
        self.resources: list[Any] | None = None
        self.digest = hashlib.sha256()
        self._seen: set[str] = set()

    async def take(self, event: PartStart | PartData | PartEnd) -> None:
        """Raises MultipartError and StoreError."""
        match event:
            case PartStart(name, filename):
                if name in self._seen and name in ("bits", "resources"):
                    raise MultipartError(f"The field {name} comes twice")
                self._seen.add(name)
                self._field = name
                if name == "bits":
                    self.filename = filename
            case PartData(data) if self._field == "bits":
                self.digest.update(data)
                await self._writer.write(data)
            case PartData(data) if self._field == "resources":
                self.text += data
                if len(self.text) > MAX_RESOURCES_BYTES:
                    raise MultipartError(f"resources is larger than {MAX_RESOURCES_BYTES} bytes")
            case PartEnd() if self._field == "resources" and self.text.strip():
                self.resources = _resources(bytes(self.text))


def _resources(text: bytes) -> list[Any]:
    try:
        value = json.loads(text)
    except (ValueError, RecursionError):
        raise MultipartError("resources is not JSON") from None
    if not isinstance(value, list):
        raise MultipartError("resources must be a list")
    return value


async def _say_nothing_yet(request: web.Request) -> None:
    """In place of aiohttp's own "100 Continue"."""


async def _continue(request: web.Request) -> None:
    if request.headers.get("Expect", "").lower() == "100-continue" and request.transport is not None:
        request.transport.write(b"HTTP/1.1 100 Continue\r\n\r\n")


async def _pieces(request: web.Request) -> Any:
    """The body as it comes. Raises TimeoutError for a client that stalls, ConnectionError for one that is gone."""
    while True:
        async with asyncio.timeout(STALL_S):
            data = await request.content.readany()
        if not data:
            return
        yield data


async def _refuse(request: web.Request, answer: Answer) -> web.StreamResponse:
    """Answer now, end the answer when the client has stopped sending."""
    response = web.StreamResponse(status=answer.status, headers={"Content-Type": answer.content_type})
    response.force_close()
    await response.prepare(request)
    await response.write(answer.body)
    if "Expect" not in request.headers:
        await _throw_away(request)
    await response.write_eof()
    return response


async def _throw_away(request: web.Request) -> None:
    deadline = time.monotonic() + REFUSED_S
    try:
        while time.monotonic() < deadline:
            async with asyncio.timeout(QUIET_S):
                if not await request.content.readany():
                    return
    except (TimeoutError, ConnectionError, aiohttp.ClientError):
        return


def _unprocessable(detail: str) -> Answer:
    return Answer(422, error(10008, "CF-UnprocessableEntity", detail).encode(), "application/json")


def _busy(busy: BusyError) -> Answer:
    code, title = (10013, "CF-RateLimitExceeded") if busy.status == 429 else (10015, "CF-ServiceUnavailable")
    return Answer(busy.status, error(code, title, str(busy)).encode(), "application/json")


def _away() -> Answer:
    detail = "The upload could not be stored; try again"
    return Answer(503, error(10015, "CF-ServiceUnavailable", detail).encode(), "application/json")


def _trace(headers: dict[str, str]) -> dict[str, str]:
    return {"trace": headers.get("X-Vcap-Request-Id", "")}
