"""The keeper of one instance: a small process of its own that outlives the agent.

Run as ``python -I -S shim.py``; one JSON line on stdin says what to do (see :func:`main`). It owns the pipes that
the app writes to, so that no line is lost while the agent restarts; frames each line with its time into bounded
log files; adopts what the app leaves behind (sub-reaper) and ends it when the app ends; and writes the exit
status down by an atomic rename before it goes. SIGTERM is handed on to the app.

One file and the standard library only: it is also mounted into containers, where nothing else of ours exists.
"""

import ctypes
import json
import os
import resource
import select
import signal
import sys
import time
from pathlib import Path
from typing import Any, NoReturn

#: A log keeps two files of this size; what is older than that is gone.
LOG_FILE_BYTES = 16 * 1024 * 1024

#: A longer line is cut into several.
LINE_BYTES = 60 * 1024

#: How long the shim goes on killing what the app left behind, seconds.
LEFTOVERS_S = 10.0

#: Reads at the end of the app; a pipe holds 16 of them, more come only from what could not be killed.
MOST_READS = 256

PR_SET_CHILD_SUBREAPER, PR_SET_NO_NEW_PRIVS = 36, 38
OUT, ERR = b"O", b"E"


class LogFile:
    """Framed lines ``<ns since the epoch> <O|E> <text>\\n`` in files ``<stem>.<offset of the first byte>``.

    The offset counts all bytes ever written, so it names a line for good. The newest two files are kept.
    """

    def __init__(self, folder: str, stem: str, file_bytes: int = LOG_FILE_BYTES) -> None:
        self._folder, self._stem, self._file_bytes = folder, stem, file_bytes
        files = self._files()
        self._base = files[-1] if files else 0
        self._fd = self._open()
        self._size = os.fstat(self._fd).st_size

    def _files(self) -> list[int]:
        names = (name.rpartition(".") for name in os.listdir(self._folder))
        return sorted(int(tail) for stem, _, tail in names if stem == self._stem and tail.isdecimal())

    def _path(self, base: int) -> str:
        return os.path.join(self._folder, f"{self._stem}.{base:020d}")

    def _open(self) -> int:
        return os.open(self._path(self._base), os.O_WRONLY | os.O_CREAT | os.O_APPEND | os.O_CLOEXEC, 0o600)

    def write(self, stream: bytes, lines: bytes, at_ns: int | None = None) -> None:
        """Append ``lines``, each of which ends in a newline, as said at ``at_ns``, None for now. A full disk costs
        lines, never the app."""
        prefix = b"%d %s " % (at_ns or time.time_ns(), stream)
        frames = prefix + lines[:-1].replace(b"\n", b"\n" + prefix) + b"\n"
        if self._size and self._size + len(frames) > self._file_bytes:
            self._rotate()
        try:
            self._size += os.write(self._fd, frames)
        except OSError:
            pass

    def close(self) -> None:
        os.close(self._fd)

    def _rotate(self) -> None:
        self.close()
        for base in self._files()[:-1]:
            os.unlink(self._path(base))
        self._base, self._size = self._base + self._size, 0
        self._fd = self._open()


class Rate:
    """``who``'s allowance of log bytes per second, for both streams together; below zero there is no limit."""

    def __init__(self, bytes_per_s: int, who: str = "app instance") -> None:
        self._bytes_per_s, self._left, self._who = bytes_per_s, float(bytes_per_s), who.encode()
        self._at = self._said_at = time.monotonic()

    def admit(self, lines: list[bytes]) -> list[bytes]:
        """The lines that may pass, and once a second a line that says that others did not."""
        if self._bytes_per_s < 0:
            return lines
        now = time.monotonic()
        self._left = min(self._bytes_per_s, self._left + (now - self._at) * self._bytes_per_s)
        self._at = now
        passed = []
        for line in lines:
            if len(line) <= self._left:
                self._left -= len(line)
                passed.append(line)
        if len(passed) < len(lines) and now >= self._said_at:
            self._said_at = now + 1
            passed.append(b"%s exceeded log rate limit (%d bytes/sec)" % (self._who, self._bytes_per_s))
        return passed


class Pipe:
    """One of the app's output streams: bytes in, whole lines into the log."""

    def __init__(self, stream: bytes, log: LogFile, rate: Rate) -> None:
        self.reader, self.writer = os.pipe()
        os.set_blocking(self.reader, False)
        self._stream, self._log, self._rate, self._rest = stream, log, rate, b""

    def read(self) -> bool:
        """Take what is there; False at the end of the stream."""
        try:
            data = os.read(self.reader, 65536)
        except BlockingIOError:
            return True
        *lines, self._rest = (self._rest + data).split(b"\n")
        pieces = [line[i : i + LINE_BYTES] for line in lines for i in range(0, max(len(line), 1), LINE_BYTES)]
        while len(self._rest) >= LINE_BYTES:
            pieces.append(self._rest[:LINE_BYTES])
            self._rest = self._rest[LINE_BYTES:]
        if pieces := self._rate.admit(pieces):
            self._log.write(self._stream, b"\n".join(pieces) + b"\n")
        return bool(data)

    def finish(self) -> None:
        """Take all that is left, and a last line without a newline."""
        for _ in range(MOST_READS):
            if not select.select([self.reader], [], [], 0)[0] or not self.read():
                break
        if self._rest:
            self._log.write(self._stream, self._rest + b"\n")


def start_time(pid: int) -> int:
    """When the process began, in clock ticks since the host's boot: with the pid it names a process for good.

    Raises OSError when there is no such process.
    """
    # The second field is the name in parentheses and may hold anything; start time is field 22.
    return int(Path(f"/proc/{pid}/stat").read_bytes().rpartition(b")")[2].split()[19])


def write_json(path: str, data: dict[str, Any]) -> None:
    """By rename, so that a reader sees all of it or nothing."""
    with open(f"{path}.new", "w", opener=lambda name, flags: os.open(name, flags, 0o600)) as file:
        json.dump(data, file)
    os.rename(f"{path}.new", path)


def _limit_files(files: int) -> None:
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (files, files))
    except ValueError:  # only a privileged user may raise the hard limit
        hard = resource.getrlimit(resource.RLIMIT_NOFILE)[1]
        resource.setrlimit(resource.RLIMIT_NOFILE, (hard, hard))


def _become_the_app(launch: dict[str, Any], argv: list[str], out: int, err: int) -> NoReturn:
    """In the child: leave everything of the shim behind and become the app, or what runs beside it."""
    try:
        os.setsid()
        os.dup2(os.open(os.devnull, os.O_RDONLY), 0)
        os.dup2(out, 1)
        os.dup2(err, 2)
        os.closerange(3, 65536)
        for procs in launch["cgroup_procs"]:
            Path(procs).write_text("0")
        resource.setrlimit(resource.RLIMIT_CORE, (0, 0))
        _limit_files(launch["fds"])
        if launch["uid"] is not None:
            os.setgroups([])
            os.setresgid(launch["uid"], launch["uid"], launch["uid"])
            os.setresuid(launch["uid"], launch["uid"], launch["uid"])
        ctypes.CDLL(None).prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0)
        os.umask(0o077)
        os.chdir(launch["cwd"])
        # Python ignores some signals (SIGPIPE), and what is ignored stays ignored across exec.
        for number in signal.valid_signals() - {signal.SIGKILL, signal.SIGSTOP}:
            signal.signal(number, signal.SIG_DFL)
        signal.pthread_sigmask(signal.SIG_SETMASK, [])
        os.execve(argv[0], argv, launch["env"])
    except BaseException as error:
        os.write(2, f"cannot start: {error}\n".encode())
        os._exit(127)


def _children() -> list[int]:
    me, found = str(os.getpid()).encode(), []
    for name in os.listdir("/proc"):
        if name.isdecimal():
            try:
                if Path(f"/proc/{name}/stat").read_bytes().rpartition(b")")[2].split()[1] == me:
                    found.append(int(name))
            except OSError:
                continue
    return found


def _reap(parts: "list[Part]") -> None:
    """Collect every child that has ended; a part gets its exit status (128 + signal for a signal)."""
    while True:
        try:
            pid, raw = os.waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return
        if pid == 0:
            return
        for part in parts:
            if part.pid == pid:
                code = os.waitstatus_to_exitcode(raw)
                part.status = code if code >= 0 else 128 - code


def _end_leftovers() -> None:
    """Kill what the app left behind. Orphans of what is killed become our children, so this ends with none."""
    deadline = time.monotonic() + LEFTOVERS_S
    while time.monotonic() < deadline:
        try:
            if os.waitpid(-1, os.WNOHANG)[0] == 0:
                for pid in _children():
                    os.kill(pid, signal.SIGKILL)
                time.sleep(0.002)
        except ChildProcessError:
            return
        except ProcessLookupError:
            continue


class Part:
    """The app, or a sidecar: a process with a log of its own. label: empty for the app."""

    def __init__(self, launch: dict[str, Any], argv: list[str], stem: str, label: str, rate: Rate) -> None:
        self.label, self.log = label, LogFile(launch["logs"], stem)
        self.pipes = [Pipe(OUT, self.log, rate), Pipe(ERR, self.log, rate)]
        self.status: int | None = None
        self.pid = os.fork()
        if self.pid == 0:
            _become_the_app(launch, argv, self.pipes[0].writer, self.pipes[1].writer)
        for pipe in self.pipes:
            os.close(pipe.writer)

    def terminate(self) -> None:
        if self.status is None:
            try:
                os.killpg(self.pid, signal.SIGTERM)
            except ProcessLookupError:
                pass

    def finish(self) -> None:
        for pipe in self.pipes:
            pipe.finish()
        if self.status is not None:
            self.log.write(OUT, b"Exit status %d\n" % self.status)


def _watch(parts: list[Part], wakeup: int, asked_to_end: list[bool]) -> Part:
    """Until one of them ends, or all after a SIGTERM, which is handed on. Returns the one whose end counts."""
    poll = select.poll()
    poll.register(wakeup, select.POLLIN)
    by_fd = {pipe.reader: pipe for part in parts for pipe in part.pipes}
    for fd in by_fd:
        poll.register(fd, select.POLLIN)
    is_ending = False
    while True:
        for fd, _ in poll.poll():
            if fd != wakeup:
                if not by_fd[fd].read():
                    poll.unregister(fd)
                continue
            os.read(wakeup, 4096)
            _reap(parts)
            if asked_to_end[0]:
                asked_to_end[0], is_ending = False, True
                for part in parts:
                    part.terminate()
                _reap(parts)
        ended = [part for part in parts if part.status is not None]
        if ended and (not is_ending or len(ended) == len(parts)):
            return ended[0]


def main() -> None:
    """stdin: one JSON line {argv, sidecars, env, cwd, uid, fds, log_rate_bytes, cgroup_procs, control, logs}.

    sidecars: [{argv, stem, label}], which run beside argv and end with it, as it ends with any of them.
    control: folder for ``shim.json`` (who I am) and ``exit.json`` (status and time of the exit, and the label of
    the sidecar whose it is); when it is gone the agent has given this start up, and nothing is run. logs: folder for
    the logs. Says ``started`` on stdout.
    """
    launch = json.loads(sys.stdin.readline())
    control = launch["control"]
    wake_reader, wake_writer = os.pipe()
    os.set_blocking(wake_reader, False)
    os.set_blocking(wake_writer, False)
    signal.set_wakeup_fd(wake_writer)
    asked_to_end = [False]
    signal.signal(signal.SIGTERM, lambda *_: asked_to_end.__setitem__(0, True))
    signal.signal(signal.SIGCHLD, lambda *_: None)
    for number in (signal.SIGINT, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)

    rate = Rate(launch["log_rate_bytes"])
    write_json(f"{control}/shim.json", {"pid": os.getpid(), "start": start_time(os.getpid())})
    parts = [Part(launch, launch["argv"], "app", "", rate)]
    parts += [Part(launch, one["argv"], one["stem"], one["label"], rate) for one in launch["sidecars"]]
    os.write(1, b"started\n")
    null = os.open(os.devnull, os.O_RDWR)
    for fd in (0, 1, 2):
        os.dup2(null, fd)

    first = _watch(parts, wake_reader, asked_to_end)
    ended_at = time.time()
    _end_leftovers()
    for part in parts:
        part.finish()
    try:
        write_json(f"{control}/exit.json", {"status": first.status, "at": ended_at, "of": first.label})
    except FileNotFoundError:
        pass
    os._exit(0)


if __name__ == "__main__":
    main()
