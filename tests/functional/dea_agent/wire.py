"""A bus that can be cut off."""

import contextlib
import socket
import threading


class Wire:
    """A TCP way to ``port`` that can be cut and mended: what a DEA that loses the bus sees."""

    def __init__(self, port: int) -> None:
        self._target = port
        self._open: list[socket.socket] = []
        self._listener = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._listener.getsockname()[1])
        self.is_cut = False
        threading.Thread(target=self._accept, daemon=True).start()

    def _accept(self) -> None:
        while True:
            here, _ = self._listener.accept()
            if self.is_cut:
                here.close()
                continue
            there = socket.create_connection(("127.0.0.1", self._target))
            self._open += [here, there]
            for a, b in ((here, there), (there, here)):
                threading.Thread(target=self._copy, args=(a, b), daemon=True).start()

    def _copy(self, source: socket.socket, sink: socket.socket) -> None:
        try:
            while data := source.recv(65536):
                sink.sendall(data)
        except OSError:
            pass
        _hang_up(source, sink)

    def cut(self) -> None:
        self.is_cut = True
        _hang_up(*self._open)
        self._open.clear()

    def mend(self) -> None:
        self.is_cut = False


def _hang_up(*ends: socket.socket) -> None:
    # Not close(): another thread may be waiting in recv, and would keep the connection open.
    for end in ends:
        with contextlib.suppress(OSError):
            end.shutdown(socket.SHUT_RDWR)
