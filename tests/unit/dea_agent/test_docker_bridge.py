"""The rules of a bridge: which traffic of a container passes, by a small model of the host's packet filter."""

import pytest

from dea_agent.runtimes.docker_bridge import interface, rules

BRIDGE = interface("zf-dea-0-12345678")


def verdict(chain: str, came_from: str, to: str, is_answer: bool = False) -> str:
    """Of the first rule that matches, as the kernel does it; each rule was put before the others."""
    for rule_chain, *words in reversed(rules(BRIDGE)):
        options = dict(zip(words[::2], words[1::2], strict=True))
        if rule_chain != chain or options["-i"] != came_from:
            continue
        if "-d" in options and not to.startswith(options["-d"].removesuffix("0.0/16")):
            continue
        if "--ctstate" in options and not is_answer:
            continue
        return options["-j"]
    return "pass"


@pytest.mark.parametrize(
    ("chain", "came_from", "to", "is_answer", "wanted"),
    [
        ("DOCKER-USER", BRIDGE, "169.254.169.254", False, "REJECT"),
        ("DOCKER-USER", BRIDGE, "93.184.216.34", False, "pass"),
        ("DOCKER-USER", "eth0", "169.254.169.254", False, "pass"),
        ("INPUT", BRIDGE, "10.0.0.1", False, "REJECT"),
        ("INPUT", BRIDGE, "10.0.0.1", True, "ACCEPT"),
        ("INPUT", "eth0", "10.0.0.1", False, "pass"),
    ],
)
def test_what_passes(chain: str, came_from: str, to: str, is_answer: bool, wanted: str) -> None:
    assert verdict(chain, came_from, to, is_answer) == wanted


def test_agents_have_bridges_of_their_own_with_names_that_the_kernel_takes() -> None:
    names = {interface(f"zf-dea-{number}-12345678") for number in range(50)}
    assert len(names) == 50
    assert max(map(len, names)) <= 15
