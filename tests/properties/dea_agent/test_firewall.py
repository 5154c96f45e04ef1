"""Where containers may connect: no packet passes that nothing opens, whatever groups and policies say."""

import ipaddress
from dataclasses import dataclass

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.contracts.network import Egress, PolicyTo
from dea_agent.runtimes.docker_egress import NOT_PUBLIC
from dea_agent.runtimes.docker_firewall import chain, lead, table
from dea_agent.runtimes.firewall import ACCEPT, ANY, MOST_PORTS, PASS, REJECT, Guest, Rule, rules, to_ports

RESOLVER = "10.9.9.2"
PLACES = st.sampled_from(
    [
        "10.0.0.0/8",
        "10.0.0.1",
        "10.0.0.5-10.0.0.9",
        "192.168.1.77/24",
        "0.0.0.0/0",
        "169.254.169.254",
        "8.8.8.8",
        "fd00::/8",
    ]
)
PORTS = st.sampled_from(["80", "80,443", "8000-8010", ",".join(map(str, range(1, 41)))])
EGRESS = (
    st.builds(
        Egress,
        st.sampled_from(["tcp", "udp"]),
        st.lists(PLACES, min_size=1, max_size=3).map(tuple),
        PORTS,
        log=st.booleans(),
    )
    | st.builds(
        Egress,
        st.sampled_from(["icmp", "icmpv6"]),
        st.lists(PLACES, min_size=1, max_size=2).map(tuple),
        st.just(""),
        st.sampled_from([-1, 0, 8]),
        st.sampled_from([-1, 0]),
    )
    | st.builds(Egress, st.just("all"), st.lists(PLACES, min_size=1, max_size=2).map(tuple))
)
APPS = st.sampled_from(["web", "store", "other"])
POLICY = st.builds(PolicyTo, APPS, st.sampled_from(["tcp", "udp"]), st.just(8080), st.sampled_from([8080, 8090]))


@st.composite
def bridges(draw: st.DrawFn) -> list[Guest]:
    apps = draw(st.lists(APPS, min_size=1, max_size=5))
    return [
        Guest(
            f"guid-{number}",
            app,
            f"172.18.0.{number + 2}",
            tuple(draw(st.lists(EGRESS, max_size=4))),
            tuple(draw(st.lists(POLICY, max_size=4))),
        )
        for number, app in enumerate(apps)
    ]


@dataclass(frozen=True)
class Packet:
    to: str
    protocol: str
    port: int = 0
    type: int = 8
    code: int = 0
    is_inside: bool = False


PACKETS = st.builds(
    Packet,
    st.sampled_from(
        ["10.0.0.1", "10.0.0.7", "192.168.1.3", "169.254.169.254", "168.63.129.16", "8.8.8.8", RESOLVER, "100.64.0.1"]
    ),
    st.sampled_from(["tcp", "udp", "icmp", "sctp"]),
    st.sampled_from([22, 40, 53, 80, 443, 8005]),
    st.sampled_from([0, 8]),
    st.sampled_from([0, 1]),
)


def holds(place: str, address: str) -> bool:
    if not place:
        return True
    if ":" in place:
        return False
    it = ipaddress.IPv4Address(address)
    first, _, last = place.partition("-")
    if last:
        return ipaddress.IPv4Address(first) <= it <= ipaddress.IPv4Address(last)
    return it in ipaddress.ip_network(place, strict=False)


def matches(rule: Rule, packet: Packet) -> bool:
    return (
        holds(rule.destination, packet.to)
        and (packet.is_inside or not rule.is_inside)
        and rule.protocol in ("", packet.protocol)
        and (not rule.ports or any(first <= packet.port <= last for first, last in rule.ports))
        and (rule.protocol != "icmp" or rule.type in (ANY, packet.type))
        and (rule.protocol != "icmp" or rule.type == ANY or rule.code in (ANY, packet.code))
    )


def verdict(found: list[Rule], packet: Packet) -> str:
    return next((rule.verdict for rule in found if matches(rule, packet)), PASS)


def opens(egress: Egress, packet: Packet) -> bool:
    """As Cloud Foundry says it of a group's rule."""
    if egress.protocol not in ("all", packet.protocol):
        return False
    if not any(holds(place, packet.to) for place in egress.destinations):
        return False
    if egress.protocol in ("tcp", "udp"):
        return any(first <= packet.port <= last for first, last in to_ports(egress.ports))
    if egress.protocol == "icmp" and egress.type != -1:
        return egress.type == packet.type and egress.code in (-1, packet.code)
    return True


@given(bridges(), PACKETS)
def test_out_of_the_host_goes_what_is_public_opened_or_a_question_of_names(guests: list[Guest], packet: Packet) -> None:
    for guest in guests:
        is_never = packet.to in ("169.254.169.254", "168.63.129.16")
        is_name = packet.to == RESOLVER and packet.port == 53 and packet.protocol in ("tcp", "udp")
        is_public = not any(holds(network, packet.to) for network in NOT_PUBLIC)
        may = not is_never and (is_public or is_name or any(opens(egress, packet) for egress in guest.egress))
        assert verdict(rules(guest, guests, [RESOLVER]), packet) == (PASS if may else REJECT)


@given(bridges(), st.sampled_from(["tcp", "udp", "icmp"]), st.sampled_from([80, 8080, 8085]))
def test_to_another_container_goes_what_a_policy_of_its_app_opens_whatever_groups_say(
    guests: list[Guest], protocol: str, port: int
) -> None:
    for source in guests:
        for other in guests:
            if other is source:
                continue
            may = any(
                policy.destination == other.app_guid
                and policy.protocol == protocol
                and policy.start <= port <= policy.end
                for policy in source.policies
            )
            packet = Packet(other.address, protocol, port, is_inside=True)
            assert verdict(rules(source, guests, [RESOLVER]), packet) == (ACCEPT if may else REJECT)


@given(bridges(), st.lists(st.integers(0, 9), unique=True))
def test_what_is_written_leads_to_every_chain_once_and_clears_away_the_others(
    guests: list[Guest], old: list[int]
) -> None:
    stale = [chain("zf-bridge", f"guid-{number}") for number in old] + [lead("zf-bridge")]
    lines = table("zf-bridge", guests, [RESOLVER], stale).splitlines()
    own = {chain("zf-bridge", guest.guid) for guest in guests}
    led = [line.split() for line in lines if line.startswith(f"-A {lead('zf-bridge')} -s")]
    assert {(words[3], words[5]) for words in led} == {(f"{g.address}/32", chain("zf-bridge", g.guid)) for g in guests}
    assert {line.split()[1] for line in lines if line.startswith("-X")} == set(stale) - own - {lead("zf-bridge")}
    # Whoever is not known gets nowhere, and is not told so: his rules are on their way.
    assert next(line for line in reversed(lines) if line.startswith(f"-A {lead('zf-bridge')}")).endswith("DROP")
    for line in lines:
        if "--dports" in line:
            listed = line.partition("--dports ")[2].split()[0]
            assert len(listed.replace(":", ",").split(",")) <= MOST_PORTS
