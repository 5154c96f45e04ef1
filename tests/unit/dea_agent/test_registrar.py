"""The full registration of a host with very many instances."""

from chalicelib.contracts.codec import to_json
from chalicelib.contracts.envelope import MAX_ENVELOPE_BYTES, Envelope
from chalicelib.contracts.routing import Endpoint, Register
from dea_agent.registrar import parts


def endpoints(count: int) -> list[Endpoint]:
    return [
        Endpoint(f"guid-{i}", "app", "process", 1, i, "10.0.0.1", 20000 + i, ("a.example",), 1, "g" * 900)
        for i in range(count)
    ]


def test_an_empty_list_is_one_part_so_that_it_can_be_said() -> None:
    assert list(parts([])) == [()]


def test_each_part_fits_on_the_bus_and_all_are_said_once() -> None:
    many = endpoints(600)
    split = list(parts(many))
    assert [one for part in split for one in part] == many
    assert len(split) > 1
    for part in split:
        message = to_json(Register("dea-0", "boot", 1, False, part))
        encoded = Envelope("i" * 32, "router.register", 1.0, "dea-0", "t" * 32, message).encode()
        assert len(encoded) < MAX_ENVELOPE_BYTES
