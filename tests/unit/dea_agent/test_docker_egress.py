"""Where builds may connect, as the packet filter is told it."""

import ipaddress

from dea_agent.runtimes import docker_egress
from dea_agent.runtimes.docker_egress import INSIDE_HOSTS, LINK_LOCAL, NOT_PUBLIC, REJECT, chains, resolvers, table

#: Shut before anything that a security group opens.
CREDENTIALS = (LINK_LOCAL, *INSIDE_HOSTS)

#: Some of what no build may see: the metadata service, neighbours, private hosts, a carrier's, Azure's wire server.
INSIDE = ("169.254.169.254", "172.18.0.2", "10.0.0.1", "192.168.1.1", "100.64.0.1", "168.63.129.16", "127.0.0.1")


def test_what_opens_for_one_build_stands_between_the_hosts_credentials_and_private_addresses() -> None:
    out = chains("zf-1")[0]
    opened = "-s 172.18.0.2/32 -d 10.0.0.0/8 -j RETURN"
    lines = table("zf-1", [], [], [opened]).splitlines()
    places = [lines.index(f"-A {out} -d {network} {REJECT}") for network in CREDENTIALS]
    assert max(places) < lines.index(f"-A {out} {opened}") < lines.index(f"-A {out} -d 10.0.0.0/8 {REJECT}")


def test_what_is_not_the_internet_is_refused_after_what_is_allowed() -> None:
    out = chains("zf-1")[0]
    lines = table("zf-1", ["10.0.0.2"], ["10.1.0.0/16"]).splitlines()
    refused = [line.split()[3] for line in lines if line.startswith(f"-A {out} -d") and "REJECT" in line]
    assert refused == [*CREDENTIALS, *NOT_PUBLIC]
    for address in INSIDE:
        assert [known for known in refused if ipaddress.ip_address(address) in ipaddress.ip_network(known)], address
    for rule in (f"-A {out} -d 10.0.0.2 -p udp --dport 53 -j RETURN", f"-A {out} -d 10.1.0.0/16 -j RETURN"):
        assert lines.index(rule) < lines.index(next(line for line in lines if "REJECT" in line))
    assert not [line for line in lines if "10.0.0.2" in line and "--dport 53" not in line]


def test_this_host_takes_answers_and_what_is_allowed_and_refuses_the_rest() -> None:
    _, to_us = chains("zf-1")
    ours = [line.split(" ", 2)[2] for line in table("zf-1", [], ["10.1.0.1"]).splitlines() if f"-A {to_us}" in line]
    assert ours[0].endswith("ESTABLISHED -j ACCEPT")
    assert ours[1:-1] == ["-d 10.1.0.1 -j ACCEPT"]
    assert ours[-1] == docker_egress.REJECT


def test_names_of_chains_are_not_too_long_for_the_packet_filter() -> None:
    assert max(map(len, chains("zf-0123456789ab"))) <= 28


def test_name_servers_are_those_that_a_container_can_reach() -> None:
    relay, real = "nameserver 127.0.0.53\noptions edns0\n", "# real\nnameserver 10.0.0.2\nnameserver fe80::1\n"
    assert resolvers([relay, real, real]) == ["10.0.0.2"]
