"""`make demo`: the platform on this machine, an app pushed to it, killed, and healed, with the time of each step.

Every step is a `zf` command that is shown and can be typed, or a request. What was started is stopped: at Ctrl-C,
at a failure, or at the end when ONCE is set. A cloud that ran before is used and left alone.
"""

import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from zf.__main__ import INTERRUPTED
from zf.client.errors import ZfError
from zf.client.http import trusting_local
from zf.client.lean_httpx import httpx
from zf.console import Console
from zf.text import seconds

T = TypeVar("T")

ZF = [sys.executable, "-m", "zf"]
EXAMPLE = Path(__file__).parents[1] / "examples" / "python-flask"
APP = "python-flask"
PORT = 8080

#: A heal takes about a second; a busy machine may need more.
HEAL_S = 60
LOOK_S = 0.01


@dataclass(frozen=True, slots=True)
class Where:
    """An instance on its host."""

    dea: str
    pid: int
    instance_guid: str


class Demo:
    """zf: the command line to run. heal_s: how long the app may take to come back."""

    heal_s: float = HEAL_S

    def __init__(self, console: Console, zf: Sequence[str] = ZF) -> None:
        self._console, self._command = console, zf
        self._http = httpx.Client(timeout=10, trust_env=False, verify=trusting_local())
        self._times: list[tuple[str, float]] = []

    def run(self) -> None:
        """Raises ZfError when a step fails."""
        self._timed("pushed", lambda: self._zf("push", "-f", str(EXAMPLE)))
        status = self._said("local", "status")
        app = self._said("app", APP)
        url = httpx.URL(app["urls"][0])
        host = url.netloc.decode()
        router = f"{url.scheme}://127.0.0.1:{status['port']}{url.path}"
        self._say(f"\n$ curl {url}")
        body = self._timed("answered", lambda: self._answer(router, host))
        self._say("\n".join(body.splitlines()[:8]))
        self._say("\nWhere it runs:")
        before = self._where(status, app["guid"])
        self._tell(before)
        self._say(f"\n$ kill -9 {before.pid}")
        self._timed("healed", lambda: self._kill_and_heal(before.pid, router, host))
        self._say("It was found dead, started again, and answers. Where it runs now:")
        self._tell(self._where(status, app["guid"], other_than=before.instance_guid))
        self._say("\nAll of it:\n")
        self._console.table(["step", "[time]"], [[name, seconds(taken)] for name, taken in self._times])
        self._say(f"\nThe app: {url}   its log: zf logs {APP}")

    def is_up(self) -> bool:
        try:
            self._said("local", "status")
        except ZfError:
            return False
        self._say("The cloud is up already; it will be left up.")
        return True

    def up(self) -> None:
        port = PORT if _is_free(PORT) else 0
        self._timed("platform up", lambda: self._zf("local", "up", "--detach", "--port", str(port)))

    def down(self) -> int:
        """The exit status of `zf local down`."""
        self._say("\n$ zf local down")
        return self._run("local", "down")

    def _zf(self, *args: str) -> None:
        self._say(f"\n$ zf {' '.join(os.path.relpath(arg) if arg == str(EXAMPLE) else arg for arg in args)}")
        status = self._run(*args)
        if status != 0:
            raise ZfError(f"zf {' '.join(args[:2])} ended with status {status}", "Its own message stands above")

    def _run(self, *args: str) -> int:
        """The exit status. An interrupted `zf` cleans up after itself, and is given the time to."""
        process = subprocess.Popen([*self._command, *args])
        try:
            return process.wait()
        except KeyboardInterrupt:
            process.send_signal(signal.SIGINT)
            process.wait()
            raise

    def _said(self, *args: str) -> Any:
        """What a `zf` command says as JSON. Raises ZfError with its own words."""
        done = subprocess.run(
            [*self._command, *args, "--json"], capture_output=True, text=True, stdin=subprocess.DEVNULL
        )
        if done.returncode != 0:
            raise ZfError(f"zf {' '.join(args)} failed: {done.stderr.strip()}")
        return json.loads(done.stdout)

    def _timed(self, name: str, step: Callable[[], T]) -> T:
        began = time.monotonic()
        result = step()
        taken = time.monotonic() - began
        self._times.append((name, taken))
        self._say(f"-- {name} after {seconds(taken)}")
        return result

    def _answer(self, router: str, host: str) -> str:
        """The app's answer, through the router. Raises ZfError when it is no success."""
        try:
            response = self._http.get(router, headers={"Host": host})
        except httpx.HTTPError as error:
            raise ZfError(f"The router does not answer: {error}", "See: zf local status") from None
        if not response.is_success:
            raise ZfError(
                f"The app answered {response.status_code}: {response.text[:200]}", f"See: zf logs {APP} --recent"
            )
        return response.text

    def _where(self, status: dict[str, Any], app_guid: str, other_than: str = "") -> Where:
        """By what the DEAs tell about themselves. Raises ZfError when none has the app."""
        try:
            for component in status["components"]:
                if not component["name"].startswith("dea"):
                    continue
                for row in self._http.get(f"{component['http']}/varz").json()["running_apps"]:
                    if row["app_guid"] == app_guid and row["instance_guid"] != other_than and row["pid"]:
                        return Where(component["name"], row["pid"], row["instance_guid"])
        except (httpx.HTTPError, ValueError, KeyError, TypeError) as error:
            raise ZfError(f"A DEA does not tell what it runs ({error!r})", "See: zf local status") from None
        raise ZfError("No DEA tells of an instance of the app", f"See: zf app {APP}")

    def _tell(self, where: Where) -> None:
        self._say(f"   instance {where.instance_guid} on {where.dea}, process {where.pid}")

    def _kill_and_heal(self, pid: int, router: str, host: str) -> None:
        """Returns at the first answer after the process is gone."""
        try:
            os.kill(pid, signal.SIGKILL)
        except OSError as error:
            raise ZfError(
                f"Cannot kill process {pid}: {error.strerror}", "Run the demo as the user who runs the cloud"
            ) from None
        deadline = time.monotonic() + self.heal_s
        while _is_alive(pid) and time.monotonic() < deadline:
            time.sleep(LOOK_S)
        while time.monotonic() < deadline:
            try:
                self._answer(router, host)
                return
            except ZfError:
                time.sleep(LOOK_S)
        raise ZfError(
            f"The app did not come back within {self.heal_s:g} s", f"See: zf events {APP}; zf logs {APP} --recent"
        )

    def _say(self, text: str) -> None:
        self._console.say(text)


def main() -> int:
    console = Console()
    demo = Demo(console)
    signal.signal(signal.SIGTERM, signal.default_int_handler)
    started, status = not demo.is_up(), 1
    try:
        if started:
            demo.up()
        demo.run()
        status = 0
        if not os.environ.get("ONCE"):
            console.say("The platform stays up. Ctrl-C ends it." if started else "Ctrl-C ends the demo.")
            signal.pause()
    except ZfError as error:
        console.problem(error)
    except KeyboardInterrupt:
        console.say()
        status = status and INTERRUPTED
    finally:
        if started:
            status = demo.down() or status
    return status


def _is_free(port: int) -> bool:
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind(("127.0.0.1", port))
        except OSError:
            return False
    return True


def _is_alive(pid: int) -> bool:
    """False also for a process that has ended and is not waited for yet."""
    try:
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (FileNotFoundError, ProcessLookupError):
        return False
    return state != "Z"


if __name__ == "__main__":
    sys.exit(main())
