"""Writing parts to an S3 that has moods: what it asks to be tried again is, and nothing is believed too early."""

import asyncio

import aiohttp
import pytest
from aiohttp import web

from router.uploader.parts import PartWriter, StoreError
from router.uploader.target import Target


def complete(*moods: tuple[int, str]) -> int:
    """Complete an upload at a store that answers with these, one after the other; returns how often it was asked."""

    async def go() -> int:
        answers = list(moods)
        asked = 0

        async def on_complete(request: web.Request) -> web.Response:
            nonlocal asked
            asked += 1
            status, text = answers.pop(0)
            return web.Response(status=status, text=text)

        async def on_part(request: web.Request) -> web.Response:
            return web.Response(headers={"ETag": '"etag"'}, text=str(len(await request.read())))

        app = web.Application()
        app.router.add_post("/complete", on_complete)
        app.router.add_put("/part", on_part)
        runner = web.AppRunner(app)
        await runner.setup()
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        target = Target("upload", 1024, (f"{url}/part",), f"{url}/complete", f"{url}/abort")
        try:
            async with aiohttp.ClientSession() as session:
                writer = PartWriter(session, target)
                await writer.write(b"bits")
                await writer.complete()
                return asked
        finally:
            await runner.cleanup()

    return asyncio.run(go())


DONE, BUSY, FAILED_LATE = (200, "<CompleteMultipartUploadResult/>"), (503, "SlowDown"), (200, "<Error>late</Error>")
GONE = (404, "NoSuchUpload")


def test_a_store_that_is_busy_is_asked_again() -> None:
    assert complete(BUSY, DONE) == 2


def test_a_failure_after_200_is_a_failure_and_tried_again() -> None:
    assert complete(FAILED_LATE, DONE) == 2


def test_an_upload_that_is_gone_after_an_error_was_completed_by_the_try_that_failed() -> None:
    assert complete(BUSY, GONE) == 2


@pytest.mark.parametrize("moods", [(GONE,), ((403, "AccessDenied"),), (BUSY, BUSY, BUSY)])
def test_what_cannot_be_completed_is_said(moods: tuple[tuple[int, str], ...]) -> None:
    with pytest.raises(StoreError, match="completing the upload"):
        complete(*moods)
