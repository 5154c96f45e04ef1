"""What a cloud consists of, from options and machine."""

import itertools
from pathlib import Path

from infra.local import plan
from infra.local.plan import Component, Machine, Options

RUN = Path("/var/lib/zerofoundry/x")


def options(**changes: object) -> Options:
    return Options(**{"port": 8080, "deas": 2, "routers": 1, "runtime": "auto", "domain": "localhost", **changes})  # type: ignore[arg-type]


def components(wanted: Options, **callers: str) -> dict[str, Component]:
    machine = Machine(memory_mb=10000, disk_mb=50000, ports=(11000, 11001, 11002, 11003))
    env = plan.common_env(wanted, machine, f"ZF_CLOUD={RUN}", callers)
    return {part.name: part for part in plan.components(wanted, machine, RUN, "secret", env)}


def test_every_part_of_the_system_is_there() -> None:
    assert set(components(options(deas=3, routers=2))) == {
        "aws", "cc-api", "cc", "hm", "dea-0", "dea-1", "dea-2", "router-0", "router-1", "uploader-0", "uploader-1"
    }  # fmt: skip


def test_aws_is_never_started_again_and_all_else_is() -> None:
    assert [name for name, part in components(options()).items() if not part.restarts] == ["aws"]


def test_deas_share_memory_disk_ports_and_users_without_overlap() -> None:
    parts = components(options(deas=5))
    deas = [parts[f"dea-{i}"].env for i in range(5)]
    assert {dea["ZF_DEA_MEMORY_MB"] for dea in deas} == {"1600"}
    assert {dea["ZF_DEA_DISK_MB"] for dea in deas} == {"8000"}
    ranges = [tuple(map(int, dea["ZF_PORT_RANGE"].split("-"))) for dea in deas]
    assert ranges[0][0] == 20000
    assert ranges[-1][1] <= 32000
    assert all(before[1] < after[0] for before, after in itertools.pairwise(ranges))
    users = [int(dea["ZF_UID_BASE"]) for dea in deas]
    assert users == [22001, 26001, 30001, 34001, 38001]


def test_the_first_router_has_the_users_port_and_each_an_uploader_of_its_own() -> None:
    parts = components(options(port=9000, routers=3))
    assert [parts[f"router-{i}"].env["ZF_LISTEN"] for i in range(3)] == [
        "127.0.0.1:9000",
        "127.0.0.1:11002",
        "127.0.0.1:11003",
    ]
    sockets = [parts[f"router-{i}"].env["ZF_UPLOADER_SOCKET"] for i in range(3)]
    assert len(set(sockets)) == 3
    assert sockets == [parts[f"uploader-{i}"].env["ZF_UPLOADER_SOCKET"] for i in range(3)]
    assert {part.env["ZF_EXTERNAL_PORT"] for part in parts.values()} == {"9000"}


def test_with_certificates_the_users_port_is_for_https_and_plain_http_has_ports_of_its_own() -> None:
    wanted = options(port=9443, routers=2, certificates="/home/me/.zf/cloud/tls/served")
    machine = Machine(memory_mb=1000, disk_mb=1000, ports=tuple(range(11000, 11000 + plan.ports_needed(wanted))))
    env = plan.common_env(wanted, machine, f"ZF_CLOUD={RUN}", {})
    parts = {part.name: part for part in plan.components(wanted, machine, RUN, "secret", env)}
    routers = [parts[f"router-{i}"].env for i in range(2)]
    assert [env["ZF_TLS_LISTEN"] for env in routers] == ["127.0.0.1:9443", "127.0.0.1:11002"]
    assert [env["ZF_LISTEN"] for env in routers] == ["127.0.0.1:11003", "127.0.0.1:11004"]
    assert {env["ZF_CERTIFICATES"] for env in routers} == {"/home/me/.zf/cloud/tls/served"}
    assert {part.env["ZF_EXTERNAL_SCHEME"] for part in parts.values()} == {"https"}
    told = {name for name, part in parts.items() if "ZF_TLS_LISTEN" in part.env}
    assert told == {"router-0", "router-1", "uploader-0", "uploader-1"}


def test_nobody_reaches_a_real_account_or_a_proxy_for_loopback() -> None:
    callers = {"AWS_PROFILE": "work", "AWS_ACCESS_KEY_ID": "AKIAREAL", "HTTP_PROXY": "http://p", "NO_PROXY": "intra"}
    for part in components(options(), **callers).values():
        assert "AWS_PROFILE" not in part.env
        assert part.env["AWS_ACCESS_KEY_ID"] == "local"
        assert part.env["AWS_ENDPOINT_URL"] == "http://127.0.0.1:11000"
        assert part.env["AWS_SHARED_CREDENTIALS_FILE"] == "/dev/null"
        assert part.env["NO_PROXY"] == "intra,127.0.0.1,localhost"


def test_the_callers_timers_and_registries_pass() -> None:
    parts = components(options(), ZF_HEARTBEAT_S="1", PIP_INDEX_URL="http://mirror", ZF_QUEUE_WORKERS="2")
    assert parts["hm"].env["ZF_HEARTBEAT_S"] == "1"
    assert parts["dea-0"].env["PIP_INDEX_URL"] == "http://mirror"
    assert parts["cc"].env["ZF_QUEUE_WORKERS"] == "2"


def test_only_the_api_knows_the_admins_password_and_only_aws_the_weather() -> None:
    parts = components(options(weather_seed="7"))
    assert [name for name, part in parts.items() if "secret" in part.env.values()] == ["cc-api"]
    assert [name for name, part in parts.items() if "ZF_WEATHER_SEED" in part.env] == ["aws"]
    assert "secret" not in repr(parts)


def test_own_ports_are_enough_for_all_who_need_one() -> None:
    assert plan.ports_needed(options(routers=3)) == 4
