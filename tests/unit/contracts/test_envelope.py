"""The envelope: what is too old, too large or too strange is not handled."""

import base64
import json
import os
import uuid
import zlib
from typing import Any

import pytest

from chalicelib.contracts.auction import Stop
from chalicelib.contracts.codec import DecodeError, to_json
from chalicelib.contracts.envelope import MAX_ENVELOPE_BYTES, MAX_UNPACKED_BYTES, Envelope, decode
from chalicelib.contracts.heartbeat import Capacity, DeaShutdown, Heartbeat, InstanceBeat, Usage

STOP = Envelope("id", "dea.stop", 100.0, "cc", "trace", to_json(Stop("p", 3, ("g",))))


def test_an_envelope_survives_the_bus() -> None:
    assert decode(STOP.encode()) == STOP
    assert STOP.read(Stop) == Stop("p", 3, ("g",))


def test_what_the_sweep_would_say_again_expires() -> None:
    discover = Envelope("id", "dea.discover", 100.0, "cc", "trace", {})
    assert not discover.is_expired(110.0)
    assert discover.is_expired(110.1)


def test_a_stop_never_expires() -> None:
    assert not STOP.is_expired(1e12)


@pytest.mark.parametrize("text", ["", "[" * 100_000, "{", "[]", "null", '"x"', '{"id": 1}', "\x00"])
def test_what_is_no_envelope_is_refused(text: str) -> None:
    with pytest.raises(DecodeError):
        decode(text)


def test_a_newer_envelope_version_is_refused_rather_than_guessed() -> None:
    with pytest.raises(DecodeError, match="newer"):
        decode(json.dumps({**json.loads(STOP.encode()), "v": 3}))


def test_a_message_too_large_for_the_bus_is_refused_by_its_sender() -> None:
    with pytest.raises(ValueError, match="the bus carries"):
        Envelope("id", "x", 0.0, "cc", "t", {"text": os.urandom(300_000).hex()}).encode()


def test_the_list_of_a_full_host_fits_on_the_bus() -> None:
    def guid() -> str:
        return str(uuid.uuid4())

    instances = tuple(
        InstanceBeat(guid(), guid(), guid(), 3, i, "RUNNING", 1.7e9 + i / 7, 20000 + i, 5) for i in range(1500)
    )
    usage = {
        one.instance_guid: Usage(1 / (i + 3), 10**8 + i * 7919, 10**7 + i) for i, one in enumerate(instances[:300])
    }
    capacity = Capacity(99999, 99999, 99999, 99999)
    beat = Heartbeat("dea-0", "b", 9, "h", "http", "url", "s", "a", False, capacity, "d", instances, usage)
    for subject, body in (("dea.heartbeat", beat), ("dea.shutdown", DeaShutdown("dea-0", "b", instances))):
        text = Envelope("id", subject, 100.0, "dea-0", "trace", to_json(body)).encode()
        assert len(text) <= MAX_ENVELOPE_BYTES
        assert decode(text).read(type(body)) == body


def packed(content: bytes) -> dict[str, Any]:
    return {"zlib": base64.b64encode(zlib.compress(content)).decode()}


@pytest.mark.parametrize(
    "body",
    [
        {},
        {"zlib": 1},
        {"zlib": "%"},
        {"zlib": base64.b64encode(b"no zlib").decode()},
        packed(b"no JSON"),
        packed(b"[]"),
        packed(b"[" * 100_000),
        packed(b'{"a": "' + b" " * MAX_UNPACKED_BYTES + b'"}'),
        {"zlib": packed(b'{"a": 1}')["zlib"][:8]},
    ],
)
def test_a_packed_body_that_cannot_be_read_is_refused(body: dict[str, Any]) -> None:
    with pytest.raises(DecodeError):
        decode(json.dumps({**to_json(STOP), "body": body, "v": 2}))
