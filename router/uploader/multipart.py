"""multipart/form-data (RFC 7578), parsed as it comes. Pure: bytes in, events out, bounded memory.

Own code, for the parsers at hand either read line by line, which is slow for archives, or put no bound on headers.
"""

from dataclasses import dataclass
from email.message import Message
from enum import Enum, auto

#: Header block of one part; real ones are below 300 bytes. Parts of one body; clients send two.
MAX_HEADER_BYTES, MAX_PARTS = 8 * 1024, 100

#: RFC 2046 says 70; some clients are more generous.
MAX_BOUNDARY = 200


class MultipartError(ValueError):
    """The body is not what multipart/form-data is. The text is for the client."""


@dataclass(frozen=True, slots=True)
class PartStart:
    """filename: as the client called the file, empty for a plain field."""

    name: str
    filename: str = ""


@dataclass(frozen=True, slots=True)
class PartData:
    data: bytes


@dataclass(frozen=True, slots=True)
class PartEnd:
    pass


Event = PartStart | PartData | PartEnd


class _State(Enum):
    PREAMBLE = auto()
    DELIMITED = auto()
    HEADERS = auto()
    BODY = auto()
    EPILOGUE = auto()


def boundary(content_type: str) -> bytes:
    """The boundary that a Content-Type names. Raises MultipartError."""
    header = Message()
    header["Content-Type"] = content_type.replace("\r", "").replace("\n", "")
    found = header.get_boundary()
    if header.get_content_type() != "multipart/form-data":
        raise MultipartError("The body must be multipart/form-data")
    if not found or len(found) > MAX_BOUNDARY or not found.isascii():
        raise MultipartError("The Content-Type names no usable boundary")
    return found.encode()


class MultipartParser:
    """``feed`` each piece of the body, then ``close``. Both raise MultipartError."""

    def __init__(self, boundary: bytes) -> None:
        self._delimiter = b"\r\n--" + boundary
        # The first delimiter has no line end before it.
        self._buffer = b"\r\n"
        self._state = _State.PREAMBLE
        self._parts = 0

    def feed(self, data: bytes) -> list[Event]:
        self._buffer += data
        events: list[Event] = []
        while self._step(events):
            pass
        return events

    def close(self) -> None:
        if self._state is not _State.EPILOGUE:
            raise MultipartError("The body ends before its last boundary")

    def _step(self, events: list[Event]) -> bool:
        """One transition; False when more data is needed for the next."""
        match self._state:
            case _State.PREAMBLE:
                return self._until_delimiter(None)
            case _State.DELIMITED:
                return self._after_delimiter()
            case _State.HEADERS:
                return self._headers(events)
            case _State.BODY:
                return self._until_delimiter(events)
        self._buffer = b""
        return False

    def _until_delimiter(self, events: list[Event] | None) -> bool:
        """Pass on (to ``events``, if any) what comes before the delimiter; what may begin one stays."""
        place = self._buffer.find(self._delimiter)
        cut = place if place >= 0 else max(0, len(self._buffer) - len(self._delimiter) + 1)
        if events is not None and cut:
            events.append(PartData(self._buffer[:cut]))
        if place < 0:
            self._buffer = self._buffer[cut:]
            return False
        if events is not None:
            events.append(PartEnd())
        self._buffer = self._buffer[place + len(self._delimiter) :]
        self._state = _State.DELIMITED
        return True

    def _after_delimiter(self) -> bool:
        rest = self._buffer.lstrip(b" \t")
        if len(self._buffer) - len(rest) > MAX_HEADER_BYTES:
            raise MultipartError("A boundary line does not end")
        if len(rest) < 2:
            return False
        if rest.startswith(b"--"):
            self._state = _State.EPILOGUE
        elif rest.startswith(b"\r\n"):
            # Headers end with an empty line, which may follow at once: keep this line end for it.
            self._state, self._buffer = _State.HEADERS, rest
        else:
            raise MultipartError("A boundary is followed by neither a part nor the end")
        return True

    def _headers(self, events: list[Event]) -> bool:
        end = self._buffer.find(b"\r\n\r\n")
        if end > MAX_HEADER_BYTES or (end < 0 and len(self._buffer) > MAX_HEADER_BYTES):
            raise MultipartError("The headers of a part are too large")
        if end < 0:
            return False
        self._parts += 1
        if self._parts > MAX_PARTS:
            raise MultipartError(f"The body has more than {MAX_PARTS} parts")
        events.append(_start(self._buffer[2:end]))
        self._buffer = self._buffer[end + 4 :]
        self._state = _State.BODY
        return True


def _start(headers: bytes) -> PartStart:
    for line in headers.decode(errors="replace").split("\r\n"):
        field, _, value = line.partition(":")
        if field.strip().lower() == "content-disposition":
            header = Message()
            header["Content-Disposition"] = value.strip().replace("\n", "").replace("\r", "")
            name = header.get_param("name", header="content-disposition")
            if isinstance(name, str) and header.get_content_disposition() == "form-data":
                return PartStart(name, header.get_filename("") or "")
    raise MultipartError("A part has no name")
