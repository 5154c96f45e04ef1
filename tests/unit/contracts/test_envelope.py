"""The envelope: what is too old, too large or too strange is not handled."""

import json

import pytest

from chalicelib.contracts.auction import Stop
from chalicelib.contracts.codec import DecodeError, to_json
from chalicelib.contracts.envelope import Envelope, decode

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
        decode(json.dumps({**json.loads(STOP.encode()), "v": 2}))


def test_a_message_too_large_for_the_bus_is_refused_by_its_sender() -> None:
    with pytest.raises(ValueError, match="the bus carries"):
        Envelope("id", "x", 0.0, "cc", "t", {"text": "x" * 300_000}).encode()
