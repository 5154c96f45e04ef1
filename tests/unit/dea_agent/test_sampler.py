"""Over quota or not."""

import pytest

from chalicelib.contracts.auction import Limits
from dea_agent.runtimes.base import Sample
from dea_agent.sampler import MIB, over_quota

LIMITS = Limits(memory_mb=64, disk_mb=16)


@pytest.mark.parametrize(
    ("memory", "disk", "oom", "words"),
    [
        (64 * MIB, 16 * MIB, False, None),
        (64 * MIB + 1, 0, False, "Memory limit of 64M exceeded (out of memory), actual usage was 65M"),
        (3 * MIB, 0, True, "Memory limit of 64M exceeded (out of memory), actual usage was 3M"),
        (0, 16 * MIB + 1, False, "Disk quota of 16M exceeded, actual usage was 17M"),
    ],
)
def test_an_instance_ends_one_byte_over_its_limits_and_not_before(
    memory: int, disk: int, oom: bool, words: str | None
) -> None:
    assert over_quota(Sample(0.0, memory, out_of_memory=oom), disk, LIMITS) == words
