"""Where the platform may connect: public places, and what the operator names."""

import pytest

from chalicelib.core.addresses import AddressRefused, Allowed, chosen

NOTHING = Allowed()


@pytest.mark.parametrize(
    "address",
    [
        "127.0.0.1",
        "127.9.9.9",
        "0.0.0.0",
        "10.0.0.1",
        "172.16.5.4",
        "192.168.1.1",
        "169.254.169.254",
        "169.254.170.2",
        "100.64.0.1",
        "100.100.100.200",
        "168.63.129.16",
        "198.18.0.1",
        "224.0.0.1",
        "255.255.255.255",
        "::",
        "::1",
        "fe80::1%eth0",
        "fd00:ec2::254",
        "ff02::1",
        "::ffff:127.0.0.1",
        "::ffff:169.254.169.254",
        "::127.0.0.1",
        "64:ff9b::a9fe:a9fe",
        "64:ff9b:1::1",
        "2002:7f00:1::",
        "2002:a9fe:a9fe::1",
    ],
)
def test_what_is_not_public_is_refused(address: str) -> None:
    with pytest.raises(AddressRefused, match="has not allowed"):
        chosen("broker.example.com", [address], NOTHING)


@pytest.mark.parametrize("address", ["93.184.216.34", "8.8.8.8", "2606:4700::1111"])
def test_a_public_place_is_connected_to(address: str) -> None:
    assert chosen("example.com", [address], NOTHING) == address


def test_a_name_that_leads_inside_as_well_is_refused() -> None:
    with pytest.raises(AddressRefused):
        chosen("example.com", ["93.184.216.34", "10.0.0.1"], NOTHING)
    with pytest.raises(AddressRefused, match="cannot be resolved"):
        chosen("example.com", [], NOTHING)


def test_the_operator_allows_networks_addresses_and_names() -> None:
    allowed = Allowed.parse("10.20.0.0/16, 127.0.0.1,broker.internal,*.apps.example.com,fd00::/8")
    assert chosen("x", ["10.20.3.4"], allowed) == "10.20.3.4"
    assert chosen("x", ["127.0.0.1"], allowed) == "127.0.0.1"
    assert chosen("x", ["fd00::1"], allowed) == "fd00::1"
    assert chosen("Broker.Internal.", ["192.168.0.1"], allowed) == "192.168.0.1"
    assert chosen("a.apps.example.com", ["192.168.0.1"], allowed) == "192.168.0.1"
    for host, address in [("x", "127.0.0.2"), ("apps.example.com", "10.0.0.1"), ("evilbroker.internal", "10.0.0.1")]:
        with pytest.raises(AddressRefused):
            chosen(host, [address], allowed)


@pytest.mark.parametrize("text", ["10.0.0.1/8", "300.1.1.1", "10.0.0.0/40", "fe80::x"])
def test_a_list_that_cannot_be_read_is_refused_at_the_start(text: str) -> None:
    with pytest.raises(ValueError, match="ZF_ALLOWED_ADDRESSES"):
        Allowed.parse(text)
