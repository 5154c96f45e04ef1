"""Rules of security groups are refused in Cloud Foundry's words, and never by an exception."""

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.security_rules import problems

TCP = {"protocol": "tcp", "destination": "10.0.0.1", "ports": "80"}
ICMP = {"protocol": "icmp", "destination": "10.0.0.1", "type": 0, "code": -1}


@pytest.mark.parametrize(
    "rule",
    [
        TCP,
        TCP | {"ports": "80,443"},
        TCP | {"ports": "8000-9000"},
        TCP | {"destination": "10.0.0.0/8"},
        TCP | {"destination": "10.0.0.1-10.0.0.9"},
        TCP | {"destination": "10.0.0.1,10.0.1.0/24,10.2.0.0-10.2.0.9"},
        TCP | {"destination": "fd00::/8"},
        TCP | {"protocol": "udp", "log": False, "description": "names"},
        {"protocol": "all", "destination": "0.0.0.0/0"},
        ICMP,
        ICMP | {"protocol": "icmpv6", "destination": "::/0"},
    ],
)
def test_good_rules_are_taken(rule: dict[str, Any]) -> None:
    assert problems([rule]) == []


@pytest.mark.parametrize(
    ("rule", "problem"),
    [
        ("x", "must be an object"),
        (TCP | {"protocol": "tls"}, "protocol must be 'tcp', 'udp', 'icmp', 'icmpv6' or 'all'"),
        (TCP | {"protocol": ["tcp"]}, "protocol must be 'tcp', 'udp', 'icmp', 'icmpv6' or 'all'"),
        (TCP | {"color": 1}, 'unknown field(s): ["color"]'),
        (TCP | {"destination": None}, "nil destination; destination must be a comma-delimited list of valid CIDRs"),
        (TCP | {"destination": 5}, "destination must be a string"),
        (TCP | {"destination": "10.0.0.1, 10.0.0.2"}, "destination must not contain whitespace"),
        (TCP | {"destination": "example.com"}, "destination must contain valid CIDR(s), IP address(es), or IP address"),
        (TCP | {"destination": "10.0.0.1,"}, "empty destination specified in comma-delimited list"),
        (TCP | {"destination": "10.00.0.1"}, "destination octets cannot contain leading zeros"),
        (TCP | {"destination": "10.0.0.9-10.0.0.1"}, "beginning of IP address range is numerically greater"),
        (TCP | {"destination": "10.0.0.1-::1"}, "destination IP address range is invalid"),
        (TCP | {"destination": ",".join(["10.0.0.1"] * 6001)}, "maximum destinations per rule exceeded"),
        (TCP | {"ports": 80}, "ports must be a valid single port"),
        (TCP | {"ports": "65536"}, "ports must be a valid single port"),
        (TCP | {"ports": "9-8"}, "ports must be a valid single port"),
        ({"protocol": "tcp", "destination": "10.0.0.1"}, "ports are required for protocols of type TCP and UDP"),
        (TCP | {"log": "yes"}, "log must be a boolean"),
        (TCP | {"description": 1}, "description must be a string"),
        (
            {"protocol": "all", "destination": "10.0.0.1", "ports": "1"},
            "ports are not allowed for protocols of type all",
        ),
        (ICMP | {"code": None}, "code is required for protocols of type ICMP"),
        (ICMP | {"type": 256}, "type must be an integer between -1 and 255 (inclusive)"),
        (ICMP | {"destination": "::1"}, 'for protocol "icmp" you cannot use IPv6 addresses'),
    ],
)
def test_bad_rules_are_named_by_their_place(rule: Any, problem: str) -> None:
    assert any(text.startswith(f"Rules[1]: {problem}") for text in problems([TCP, rule])), problems([TCP, rule])


JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=8,
)
FIELDS = st.sampled_from(["protocol", "destination", "ports", "type", "code", "log", "description"])
WORDS = st.sampled_from(["tcp", "icmp", "all", "10.0.0.1", "1-2", "0-", ",", "-", "::1/64", "1.1.1.1/99"])


@given(st.lists(st.dictionaries(FIELDS, JSON | WORDS) | JSON, max_size=4) | JSON)
def test_whatever_is_given_is_judged(rules: Any) -> None:
    assert all(isinstance(problem, str) for problem in problems(rules))
