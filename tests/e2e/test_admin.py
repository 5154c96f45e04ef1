"""An operator takes a host out of service."""

from pathlib import Path

from tests.support.platform import ROOT, Platform, eventually

ECHO: Path = ROOT / "tests" / "apps" / "echo"


def hosts_of(platform: Platform, app: str) -> set[str]:
    """Names of the DEAs on which instances of the app run."""
    found = set()
    for name in platform.names("dea"):
        varz = platform.http.get(f"{platform.component(name)['http']}/varz").json()
        if any(one["app_name"] == app and one["state"] == "RUNNING" for one in varz["running_apps"]):
            found.add(name)
    return found


def test_a_cordoned_host_takes_nothing_and_a_drained_one_is_emptied(platform: Platform, app_name: str) -> None:
    def state(host: str) -> str:
        return str(next(one for one in platform.json("admin", "hosts") if one["id"] == host)["state"])

    first, second = platform.names("dea")
    platform.zf("admin", "cordon", first)
    eventually(lambda: state(first) == "CORDONED")
    platform.zf("push", app_name, "-p", ECHO, "-i", 2)
    assert hosts_of(platform, app_name) == {second}
    platform.zf("admin", "uncordon", first)
    eventually(lambda: state(first) == "UP")
    platform.zf("admin", "drain", second)
    eventually(lambda: hosts_of(platform, app_name) == {first}, within_s=30)
    assert platform.get(app_name).status_code == 200
    eventually(lambda: state(second) == "UP", within_s=30)  # the supervisor has started its next boot
