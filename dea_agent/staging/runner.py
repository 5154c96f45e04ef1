"""The first process of a build's container: runs what it is told, one after the other, and leaves nothing of it behind.

Run as ``python3 -I -S runner.py``. Each line on stdin is an order, JSON: {argv, env, cwd, uid, mark}. What it starts
writes to this process's own stdout and stderr; when it and all that it left behind have ended, both streams get
``<mark><status> <processes killed for lack of memory so far>\\n``. The mark is the order's own, so nobody else can say
it. status: negative for a signal. At the end of stdin (the agent has gone) all ends.

One file and the standard library only: it is mounted into containers, where nothing else of ours exists.
"""

import ctypes
import json
import os
import resource
import signal
import sys
import time
from typing import Any, NoReturn

#: How long it goes on killing what a script left behind, seconds.
LEFTOVERS_S = 10.0

#: The kernel's count, on cgroups v1 and v2. A container sees its own.
OOM_COUNTS = ("/sys/fs/cgroup/memory/memory.oom_control", "/sys/fs/cgroup/memory.events")

#: Where there is no memory left, a script goes and not this process: it tells.
OOM_SCORE = "500"

PR_SET_DUMPABLE, PR_SET_NO_NEW_PRIVS = 4, 38


def become(order: dict[str, Any]) -> NoReturn:
    """In the child: leave everything of the runner behind and become the script."""
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        with open("/proc/self/oom_score_adj", "w") as score:
            score.write(OOM_SCORE)
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        if order["uid"] is not None:
            os.setgroups([])
            os.setresgid(order["uid"], order["uid"], order["uid"])
            os.setresuid(order["uid"], order["uid"], order["uid"])
        ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        os.umask(0o022)
        os.chdir(order["cwd"])
        # Python ignores some signals (SIGPIPE), and what is ignored stays ignored across exec.
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_DFL)
        os.execvpe(order["argv"][0], order["argv"], order["env"])
    except BaseException as error:
        os.write(2, f"{order['argv'][0]}: {error}\n".encode())
        os._exit(127)


def run(order: dict[str, Any]) -> int:
    """To its end, and that of all it left; returns its status."""
    child = os.fork()
    if child == 0:
        become(order)
    while True:  # orphans are ours to collect, too
        pid, raw = os.waitpid(-1, 0)
        if pid == child:
            break
    deadline = time.monotonic() + LEFTOVERS_S
    while time.monotonic() < deadline:
        try:
            os.kill(-1, signal.SIGKILL)  # all that we may: this process is the first, and not among them
            os.waitpid(-1, 0)
        except (ProcessLookupError, ChildProcessError):
            break
    return os.waitstatus_to_exitcode(raw)


def oom_kills() -> int:
    for path in OOM_COUNTS:
        try:
            with open(path) as file:
                return sum(int(line.split()[1]) for line in file if line.split()[0] == "oom_kill")
        except OSError:
            continue
    return 0


def main() -> None:
    if os.getpid() != 1:
        sys.exit("it ends all processes that it sees: only for the first one of a container")
    # Scripts of the same user, where there is only one, can neither read the orders nor write for us.
    ctypes.CDLL(None).prctl(PR_SET_DUMPABLE, 0, 0, 0, 0)
    for line in sys.stdin.buffer:
        order = json.loads(line)
        end = f"{order['mark']}{run(order)} {oom_kills()}\n".encode()
        for stream in (1, 2):
            os.write(stream, end)


if __name__ == "__main__":
    main()
