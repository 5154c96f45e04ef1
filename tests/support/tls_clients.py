"""Clients that choose what they say: SNI, versions, protocols, and what comes before a handshake."""

import socket
import ssl
import struct
from typing import Self

from cryptography import x509

from tests.support.certificates import trusting

_DATA, _HEADERS, _SETTINGS, _GOAWAY = 0, 1, 4, 7
_END_STREAM, _ACK = 1, 1


class Connection:
    """Keeps one connection. sni: the name in the handshake, none when empty; before: bytes sent ahead of it; most: the
    one version that is spoken; context: whom it believes, the tests' authority for any name if left out."""

    def __init__(
        self,
        port: int,
        sni: str,
        *alpn: str,
        before: bytes = b"",
        most: int = 0,
        context: ssl.SSLContext | None = None,
    ) -> None:
        if context is None:
            context = trusting()
            context.check_hostname = False
        context.set_alpn_protocols(list(alpn))
        if most:
            # What this side would refuse by itself is for the server to refuse.
            context.set_ciphers("DEFAULT:@SECLEVEL=0")
            context.maximum_version = ssl.TLSVersion(most)
            context.minimum_version = context.maximum_version
        raw = socket.create_connection(("127.0.0.1", port), 10)
        raw.sendall(before)
        self.socket = context.wrap_socket(raw, server_hostname=sni or None)
        self._file = self.socket.makefile("rb")

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *args: object) -> None:
        self._file.close()
        self.socket.close()

    @property
    def alpn(self) -> str:
        return self.socket.selected_alpn_protocol() or ""

    def hosts(self) -> list[str]:
        """What the server's certificate is for."""
        names = self._certificate().extensions.get_extension_for_class(x509.SubjectAlternativeName).value
        return names.get_values_for_type(x509.DNSName)

    def serial(self) -> int:
        return self._certificate().serial_number

    def _certificate(self) -> x509.Certificate:
        return x509.load_der_x509_certificate(self.socket.getpeercert(binary_form=True) or b"")


class Http1(Connection):
    def __init__(self, port: int, sni: str, before: bytes = b"", most: int = 0) -> None:
        super().__init__(port, sni, "http/1.1", before=before, most=most)

    def get(self, host: str, path: str = "/", *lines: str) -> str:
        """The body, of a known length."""
        head = [f"GET {path} HTTP/1.1", f"Host: {host}", *lines, "", ""]
        self.socket.sendall("\r\n".join(head).encode())
        fields = dict[str, str]()
        while line := self._file.readline().decode().strip():
            name, _, value = line.partition(":")
            fields[name.lower()] = value.strip()
        return self._file.read(int(fields["content-length"])).decode()


class Http2(Connection):
    """As little of HTTP/2 as a GET needs: requests one after the other, small answers."""

    def __init__(self, port: int, sni: str, context: ssl.SSLContext | None = None) -> None:
        super().__init__(port, sni, "h2", "http/1.1", context=context)
        self._stream = -1
        self.socket.sendall(b"PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n" + self._frame(_SETTINGS, 0, 0, b""))

    def get(self, host: str, path: str = "/") -> str:
        self._stream += 2
        # Static table: GET, https; then authority and path as literals that nobody is to remember.
        block = b"\x82\x87" + self._literal(1, host) + self._literal(4, path)
        self.socket.sendall(self._frame(_HEADERS, 5, self._stream, block))
        body = b""
        while True:
            kind, flags, stream, payload = self._read()
            assert kind != _GOAWAY, payload
            if kind == _SETTINGS and not flags & _ACK:
                self.socket.sendall(self._frame(_SETTINGS, _ACK, 0, b""))
            if stream == self._stream and kind == _DATA:
                body += payload
            if stream == self._stream and kind in (_DATA, _HEADERS) and flags & _END_STREAM:
                return body.decode()

    def _read(self) -> tuple[int, int, int, bytes]:
        head = self._file.read(9)
        assert len(head) == 9, "the connection was closed"
        kind, flags, stream = struct.unpack(">BBI", head[3:])
        return kind, flags, stream & 0x7FFFFFFF, self._file.read(int.from_bytes(head[:3], "big"))

    @staticmethod
    def _frame(kind: int, flags: int, stream: int, payload: bytes) -> bytes:
        return len(payload).to_bytes(3, "big") + struct.pack(">BBI", kind, flags, stream) + payload

    @staticmethod
    def _literal(name: int, value: str) -> bytes:
        return bytes([name, len(value)]) + value.encode()


def proxy_v2(client: str, port: int = 4711) -> bytes:
    """The header of a load balancer that a client of this address has connected to (PROXY protocol, version 2)."""
    addresses = socket.inet_aton(client) + socket.inet_aton("10.0.0.1") + struct.pack(">HH", port, 443)
    return b"\r\n\r\n\x00\r\nQUIT\n" + b"\x21\x11" + struct.pack(">H", len(addresses)) + addresses


def says(port: int, data: bytes) -> bytes:
    """What a server answers to these bytes until it closes; empty also when it resets."""
    answer = b""
    with socket.create_connection(("127.0.0.1", port), 20) as raw:
        raw.sendall(data)
        try:
            while piece := raw.recv(65536):
                answer += piece
        except ConnectionResetError:
            pass
    return answer
