"""What the agent reads from its environment."""

import pytest

from dea_agent.config import from_env

NEEDED = {"ZF_DEA_ID": "dea-0", "ZF_DEA_DIR": "/var/lib/dea", "ZF_PREFIX": "zf"}


def test_the_defaults_are_a_cloud_host_of_root() -> None:
    config = from_env(NEEDED, euid=0)
    assert (config.runtime, config.stack, config.uid_base) == ("auto", "cflinuxfs4", 22001)
    assert config.ports == range(20000, 26000)
    assert config.staging_uid_base == 24001
    assert config.is_local is False


def test_who_is_not_root_gives_instances_no_users() -> None:
    config = from_env(NEEDED, euid=1000)
    assert (config.uid_base, config.staging_uid_base) == (None, None)


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("ZF_DEA_ID", ""),
        ("ZF_RUNTIME", "lxc"),
        ("ZF_DEA_MEMORY_MB", "0"),
        ("ZF_DEA_DISK_MB", "lots"),
        ("ZF_PORT_RANGE", "26000-20000"),
        ("ZF_PORT_RANGE", "80-90"),
        ("ZF_PORT_RANGE", "20000"),
        ("ZF_HTTP_PORT", "-1"),
        ("ZF_HEARTBEAT_S", "often"),
        ("ZF_PROFILE", "moon"),
    ],
)
def test_a_wrong_value_is_named(name: str, value: str) -> None:
    with pytest.raises(ValueError, match=name):
        from_env(NEEDED | {name: value}, euid=0)
