"""What a security group's rules may say, checked as Cloud Foundry does and refused in its words. Pure."""

import ipaddress
import re
from collections.abc import Iterator
from typing import Any

KEYS = ("code", "description", "destination", "log", "ports", "protocol", "type")
PROTOCOLS = ("tcp", "udp", "icmp", "icmpv6", "all")
MAX_DESTINATIONS = 6000
#: All rules of a group as JSON, bytes: they live in one DynamoDB item of at most 400 KB.
MAX_BYTES = 256 * 1024

#: The one version of addresses that a protocol can have.
VERSIONS = {"icmp": 4, "icmpv6": 6}

NIL = "nil destination; destination must be a comma-delimited list of valid CIDRs, IP addresses, or IP address ranges"
INVALID = "destination must contain valid CIDR(s), IP address(es), or IP address range(s)"
PORTS = "ports must be a valid single port, comma separated list of ports, or range or ports, formatted as a string"
REVERSED = (
    "beginning of IP address range is numerically greater than the end of its range (range endpoints are inverted)"
)

Address = ipaddress.IPv4Address | ipaddress.IPv6Address
Network = ipaddress.IPv4Network | ipaddress.IPv6Network


def problems(rules: Any) -> list[str]:
    """What is wrong with them, in sentences."""
    if not isinstance(rules, list):
        return ["Rules must be an array"]
    return [f"Rules[{index}]: {problem}" for index, rule in enumerate(rules) for problem in _of_rule(rule)]


def _of_rule(rule: Any) -> Iterator[str]:
    if not isinstance(rule, dict):
        yield "must be an object"
        return
    unknown = [key for key in rule if key not in KEYS]
    if unknown:
        quoted = ", ".join(f'"{key}"' for key in unknown)
        yield f"unknown field(s): [{quoted}]"
    given = rule.get("protocol")
    protocol = given if isinstance(given, str) else ""
    if protocol not in PROTOCOLS:
        yield "protocol must be 'tcp', 'udp', 'icmp', 'icmpv6' or 'all'"
    yield from _of_destination(rule.get("destination"), protocol)
    if rule.get("description") is not None and not isinstance(rule["description"], str):
        yield "description must be a string"
    if rule.get("log") is not None and not isinstance(rule["log"], bool):
        yield "log must be a boolean"
    if protocol in ("tcp", "udp"):
        if not rule.get("ports"):
            yield "ports are required for protocols of type TCP and UDP"
        if not _are_ports(rule.get("ports")):
            yield PORTS
    elif protocol in VERSIONS:
        for field in ("code", "type"):
            if rule.get(field) is None:
                yield f"{field} is required for protocols of type ICMP"
            if not _is_control(rule.get(field)):
                yield f"{field} must be an integer between -1 and 255 (inclusive)"
    elif protocol == "all" and rule.get("ports"):
        yield "ports are not allowed for protocols of type all"


def _of_destination(destination: Any, protocol: str) -> Iterator[str]:
    if destination is None:
        yield NIL
    elif not isinstance(destination, str):
        yield "destination must be a string"
    elif re.search(r"\s", destination):
        yield "destination must not contain whitespace"
    else:
        parts = destination.split(",")
        if len(parts) > MAX_DESTINATIONS:
            yield f"maximum destinations per rule exceeded - must be under {MAX_DESTINATIONS}"
            return
        for part in parts:
            yield from _of_address(part, protocol)


def _of_address(text: str, protocol: str) -> Iterator[str]:
    if not text:
        yield "empty destination specified in comma-delimited list"
    ends = text.split("-")
    if any(_has_leading_zeros(end) for end in ends):
        yield "destination octets cannot contain leading zeros"
        return
    if len(ends) > 2:
        yield INVALID
        return
    if len(ends) == 1:
        parsed: list[Any] = [_network(text)]
        if parsed[0] is None:
            yield INVALID
            return
    else:
        parsed = [_address(end) for end in ends]
        if None in parsed or parsed[0].version != parsed[1].version:
            yield "destination IP address range is invalid"
            return
        if parsed[0] > parsed[1]:
            yield REVERSED
    version = parsed[0].version
    if version != VERSIONS.get(protocol, version):
        yield f'for protocol "{protocol}" you cannot use IPv{version} addresses'


def _network(text: str) -> Network | None:
    try:
        return ipaddress.ip_network(text, strict=False)
    except ValueError:
        return None


def _address(text: str) -> Address | None:
    try:
        return ipaddress.ip_address(text)
    except ValueError:
        return None


def _has_leading_zeros(text: str) -> bool:
    """Of IPv4 octets: some programs read them as octal numbers."""
    address = text.partition("/")[0]
    return ":" not in address and any(re.fullmatch(r"0\d+", octet) for octet in address.split("."))


def _are_ports(ports: Any) -> bool:
    """``80``, ``80,443`` or ``8000-8999``."""
    if not isinstance(ports, str) or not re.fullmatch(r"[\d\s,-]{1,4096}", ports):
        return False
    limits = [part.strip() for part in ports.split("-")]
    if len(limits) == 2:
        return all(map(_is_port, limits)) and int(limits[0]) <= int(limits[1])
    return len(limits) == 1 and all(_is_port(port.strip()) for port in ports.split(","))


def _is_port(text: str) -> bool:
    return bool(re.fullmatch(r"[0-9]{1,5}", text)) and 1 <= int(text) <= 65535


def _is_control(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and -1 <= value <= 255
