"""A whole platform for tests: started by the command that users start it with, and watched from outside."""

import json
import os
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any, TypeVar

import httpx

ROOT = Path(__file__).parents[2]
ZF = Path(sys.executable).parent / "zf"
T = TypeVar("T")


def eventually(probe: Callable[[], T], within_s: float = 30.0, every_s: float = 0.1) -> T:
    """The first truthy answer of ``probe``; an AssertionError inside it counts as not yet."""
    deadline = time.monotonic() + within_s
    while True:
        problem: object = None
        try:
            answer = probe()
            if answer:
                return answer
            problem = answer
        except (AssertionError, httpx.HTTPError, KeyError, IndexError) as error:
            problem = error
        assert time.monotonic() < deadline, f"still not so after {within_s:g} s: {problem!r}"
        time.sleep(every_s)


class Platform:
    """One cloud in a home of its own."""

    def __init__(self, home: Path, **environment: str) -> None:
        self.home = home
        self.environment = {**os.environ, "ZF_HOME": str(home), "NO_COLOR": "1", **environment}
        self.http = httpx.Client(timeout=60, limits=httpx.Limits(max_keepalive_connections=0))

    # -- the commands that users use -----------------------------------------------------------------------

    def zf(self, *arguments: object, check: bool = True, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
        """Run ``zf``; a failure shows what it printed."""
        done = subprocess.run(
            [str(ZF), *map(str, arguments)],
            env=self.environment,
            cwd=cwd or self.home,
            capture_output=True,
            text=True,
            timeout=300,
            stdin=subprocess.DEVNULL,
        )
        assert not check or done.returncode == 0, f"zf {arguments} said {done.returncode}:\n{done.stdout}{done.stderr}"
        return done

    def json(self, *arguments: object) -> Any:
        return json.loads(self.zf(*arguments, "--json").stdout)

    def up(self, deas: int = 2, routers: int = 1, *flags: object) -> None:
        self.zf(
            "local", "up", "--port", 0, "--deas", deas, "--routers", routers, "--runtime", "process", "--detach", *flags
        )

    def down(self) -> None:
        self.http.close()
        self.zf("local", "down")

    def status(self) -> dict[str, Any]:
        return dict(self.json("local", "status"))

    # -- apps -----------------------------------------------------------------------------------------------

    def push(self, name: str, *flags: object, folder: Path | None = None) -> None:
        """Push, and wait for the routers, which hear of a new route a moment after the API does."""
        self.zf("push", name, "-p", folder or ROOT / "tests" / "apps" / "echo", *flags)
        if not {"--no-route", "--no-start"} & set(flags):
            eventually(lambda: self.get(name).status_code == 200)

    def url(self, router: int = 0) -> str:
        """Where the router listens."""
        return str(self.status()["routers"][router])

    def get(self, host: str, path: str = "/", router: str | None = None, **kwargs: Any) -> httpx.Response:
        """A request through the router, as ``curl -H Host`` does it."""
        domain = self.apps_domain
        headers = {"Host": f"{host}.{domain}", **kwargs.pop("headers", {})}
        return self.http.get(f"{router or self.router}{path}", headers=headers, **kwargs)

    def post(self, host: str, body: str) -> httpx.Response:
        return self.http.post(self.router, headers={"Host": f"{host}.{self.apps_domain}"}, content=body)

    def who(self, host: str) -> dict[str, Any]:
        response = self.get(host)
        assert response.status_code == 200, response.text[:200]
        return dict(response.json())

    @property
    def router(self) -> str:
        if not hasattr(self, "_router"):
            self._router = self.url()
        return str(self._router)

    @property
    def apps_domain(self) -> str:
        if not hasattr(self, "_domain"):
            self._domain = self.status()["apps_domain"]
        return str(self._domain)

    def instances(self, name: str) -> list[dict[str, Any]]:
        """v3 stats of the web process."""
        app = self.api("GET", "/v3/apps", params={"names": name}).json()["resources"][0]
        return list(self.api("GET", f"/v3/apps/{app['guid']}/processes/web/stats").json()["resources"])

    def running(self, name: str, count: int) -> bool:
        stats = self.instances(name)
        return len(stats) == count and all(instance["state"] == "RUNNING" for instance in stats)

    def api(self, method: str, path: str, **kwargs: Any) -> httpx.Response:
        """The API with the token that ``zf`` has."""
        headers = {"Authorization": self._token(), **kwargs.pop("headers", {})}
        return self.http.request(method, f"{self.router}{path}", headers={"Host": "api.localhost", **headers}, **kwargs)

    def _token(self) -> str:
        now = time.monotonic()
        if getattr(self, "_token_until", 0) < now:
            status = self.status()
            form = {"grant_type": "password", "username": status["admin_user"], "password": status["admin_password"]}
            answer = self.http.post(f"{self.router}/oauth/token", data=form, auth=("cf", ""))
            assert answer.status_code == 200, answer.text
            self._bearer, self._token_until = f"bearer {answer.json()['access_token']}", now + 300
        return self._bearer

    # -- its parts ------------------------------------------------------------------------------------------

    def component(self, name: str) -> dict[str, Any]:
        return next(part for part in self.status()["components"] if part["name"] == name)

    def names(self, kind: str) -> list[str]:
        return [part["name"] for part in self.status()["components"] if part["name"].partition("-")[0] == kind]

    def varz(self, name: str) -> dict[str, Any]:
        return dict(self.http.get(f"{self.component(name)['http']}/varz").json())

    def signal(self, name: str, number: int = signal.SIGKILL) -> int:
        """Signal a component; returns its pid."""
        pid = int(self.component(name)["pid"])
        os.kill(pid, number)
        return pid

    def hold(self, name: str, how: str = "TERM") -> None:
        """Stop a component, by SIGTERM or SIGKILL, and keep the supervisor from starting it again."""
        self._supervise(name, f"stop?signal={how}")

    def release(self, name: str) -> None:
        self._supervise(name, "start")

    def _supervise(self, name: str, verb: str) -> None:
        supervisor = self.status()["supervisor"]["http"]
        self.http.post(f"{supervisor}/components/{name}/{verb}").raise_for_status()

    @contextmanager
    def without(self, *names: str) -> Iterator[None]:
        """While the block runs, these components are stopped where they stand (SIGSTOP)."""
        pids = [self.signal(name, signal.SIGSTOP) for name in names]
        try:
            yield
        finally:
            for pid in pids:
                os.kill(pid, signal.SIGCONT)


class Traffic:
    """Requests to an app the whole time, in one thread; what went wrong is kept."""

    def __init__(self, platform: Platform, host: str, path: str = "/", router: str | None = None) -> None:
        self.platform, self.host, self.path, self.router = platform, host, path, router
        self.sent = 0
        self.failures: list[str] = []
        self.guids: set[str] = set()
        self._stop = threading.Event()
        self._thread = threading.Thread(target=self._run, daemon=True)

    def __enter__(self) -> "Traffic":
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(30)

    def _run(self) -> None:
        while not self._stop.wait(0.01):
            try:
                answer = self.platform.get(self.host, self.path, self.router)
                if answer.status_code == 200:
                    self.guids.add(answer.json()["guid"])
                else:
                    self.failures.append(f"{answer.status_code} {answer.text[:100]}")
            except httpx.HTTPError as error:
                self.failures.append(repr(error))
            self.sent += 1


@contextmanager
def a_platform(deas: int = 2, routers: int = 1, flags: Sequence[object] = (), **environment: str) -> Iterator[Platform]:
    """A platform that is gone afterwards, with its logs shown when it would not come up."""
    home = Path(tempfile.mkdtemp(prefix="zf-test-"))
    platform = Platform(home, **environment)
    try:
        platform.up(deas, routers, *flags)
        yield platform
    finally:
        platform.down()
        shutil.rmtree(home, ignore_errors=True)
