"""`zf admin invite` and `zf dea join` against the API itself; the agent is not run here (tests/e2e/test_joining.py)."""

import json
import stat
from pathlib import Path

import pytest

from tests.functional.services.conftest import Services
from zf.client import joining
from zf.client.errors import ZfError
from zf.client.http import Http

from ..conftest import Zf


def token_in(said: str) -> str:
    return next(word for word in said.split() if word.startswith("zfjoin."))


def test_a_machine_joins_by_one_command_and_is_let_go(
    real: Zf, services: Services, address: str, tmp_path: Path
) -> None:
    folder = tmp_path / "host"
    here = ("--dir", str(folder), "--no-run", "--memory", "2G", "--disk", "4G")
    assert "No host has been invited" in real("admin", "joined-hosts").out
    invited = real("admin", "invite", "lab-1", "--minutes", "5")
    assert f"zf dea join {address} zfjoin.lab-1." in invited.out
    token = token_in(invited.out)
    wrong = real("dea", "join", address, token + "x", *here)
    assert wrong.status == 1
    assert "This join token is not known" in wrong.err
    assert "zf admin invite HOST" in wrong.err
    joined = real("dea", "join", address, token, *here)
    assert joined.status == 0, joined.err
    assert "has joined" in joined.out
    assert "Routers reach its apps at 127.0.0.1, ports 20000-25999." in joined.out
    file = folder / "membership.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    env = joining.environment(folder, {"PATH": "/bin", "AWS_PROFILE": "mine", "ZF_LOG_LEVEL": "DEBUG"})
    assert (env["ZF_DEA_ID"], env["ZF_PREFIX"], env["ZF_DEA_MEMORY_MB"]) == ("lab-1", "test", "2048")
    assert (env["ZF_MEMBERSHIP"], env["PATH"], env["ZF_LOG_LEVEL"]) == (str(file), "/bin", "DEBUG")
    assert "AWS_PROFILE" not in env
    assert json.loads(file.read_text())["secret"] not in env.values()
    twice = real("dea", "join", address, token, *here)
    assert "This machine has joined as lab-1 already" in twice.err
    other = real("dea", "join", address, token, "--dir", str(tmp_path / "other"), "--no-run")
    assert "This join token was used at" in other.err
    assert not (tmp_path / "other" / "membership.json").exists()
    (row,) = real("admin", "joined-hosts", "--json").json
    assert (row["id"], row["state"]) == ("lab-1", "JOINED")
    assert "revoke it before you invite it again" in real("admin", "invite", "lab-1").err
    assert real("admin", "revoke", "lab-1", "-f").status == 0
    assert "revoked" in real("admin", "joined-hosts").out
    assert "Host not found" in real("admin", "revoke", "lab-7", "-f").err


@pytest.mark.parametrize(
    ("args", "status", "said"),
    [
        (["join", "http://localhost:1", "zfjoin.lab-1.x", "--dir", "HERE"], 1, "Cannot reach http://localhost:1"),
        (["join", "http://localhost:1", "hello", "--dir", "HERE"], 2, "This is not a join token"),
        (["join", "ftp://x", "zfjoin.lab-1.x", "--dir", "HERE"], 1, "is not the address of an API"),
        (["join", "http://localhost:1", "zfjoin.lab-1.x", "--dir", "/proc/x"], 1, "Be root, or give --dir"),
        (["join", "http://localhost:1", "zfjoin.lab-1.x", "--dir", "HERE", "--memory", "lots"], 2, "--memory is"),
        (["run", "--dir", "HERE"], 1, "This machine has joined no platform"),
    ],
)
def test_what_cannot_be_says_why(zf: Zf, tmp_path: Path, args: list[str], status: int, said: str) -> None:
    ran = zf("dea", *(str(tmp_path) if arg == "HERE" else arg for arg in args))
    assert (ran.status, said in ran.err) == (status, True), ran.err
    assert not (tmp_path / "membership.json").exists()


def test_a_clock_that_is_wrong_is_told_before_the_token_is_shown(real: Zf, address: str) -> None:
    http = Http(address)
    with pytest.raises(ZfError, match=r"clock is \d+ s behind the platform's"):
        joining.require_clock(http, 1e9)
    http.close()


def test_versions_and_keys(real: Zf, services: Services) -> None:
    told = real("admin", "versions", "--json").json
    assert [one["type"] for one in told[:2]] == ["client", "control plane"]
    assert len({one["version"] for one in told[:2]}) == 1
    assert real("admin", "rotate-key").status == 2, "without a terminal it asks nobody"
    before = services.world.keys.key_id
    assert real("admin", "rotate-key", "-f", "--json").json["kid"] != before
    assert real("admin", "hosts").status == 0, "the token of the key before is still good"
