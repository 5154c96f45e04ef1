"""The bits on their way: multipart with a known length, three tries, a sentence when it breaks off for good."""

import json
from collections.abc import Callable
from typing import IO

from zf.client.errors import UnreachableError, UploadError
from zf.client.http import Http, parsed, raise_for, v3_errors
from zf.client.lean_httpx import httpx
from zf.client.models import Package, read
from zf.push.fingerprints import Fingerprint
from zf.text import size

TRIES = 3
#: Writing waits for the network, reading for the platform to have stored the last piece. Seconds.
TIMEOUT_S = httpx.Timeout(300, connect=6)
#: PackageBitsAlreadyUploaded: an earlier try did arrive, only its answer was lost.
ALREADY_UPLOADED = 150004


class Counted:
    """A file that tells how far it has been read; httpx goes back to its start before each try."""

    def __init__(self, file: IO[bytes], at: Callable[[int], None]) -> None:
        self._file, self._at = file, at
        self.position = 0

    def read(self, count: int = -1) -> bytes:
        piece = self._file.read(count)
        self.position += len(piece)
        self._at(self.position)
        return piece

    def seek(self, offset: int, whence: int = 0) -> int:
        self.position = self._file.seek(offset, whence)
        return self.position

    def fileno(self) -> int:
        """httpx takes the length from here."""
        return self._file.fileno()


def upload(
    http: Http,
    package: Package,
    known: list[Fingerprint],
    bits: IO[bytes] | None,
    length: int,
    at: Callable[[int], None],
) -> Package:
    """The package as it is then. bits: the zip of `length` bytes, None when everything is known. at: told how many
    bytes have been sent.

    Raises UploadError when it breaks off three times; ApiError when it is refused.
    """
    counted = Counted(bits, at) if bits else None
    files: list[tuple[str, tuple[object, ...]]] = [
        ("resources", (None, json.dumps([one.as_resource() for one in known])))
    ]
    if counted:
        files.append(("bits", ("package.zip", counted, "application/octet-stream")))
    for attempt in range(1, TRIES + 1):
        try:
            response = http.send(
                "POST", f"/v3/packages/{package.guid}/upload", safe=False, files=files, timeout=TIMEOUT_S
            )
        except UnreachableError as error:
            if attempt < TRIES:
                continue
            sent = f" after {size(counted.position)} of {size(length)}" if counted else ""
            raise UploadError(
                f"The upload broke off{sent}, {TRIES} times ({error.message})",
                "The app was not changed. When the network is steady, run the same push again",
            ) from None
        if attempt > 1 and any(error.get("code") == ALREADY_UPLOADED for error in v3_errors(response)):
            break
        raise_for(response, http.api)
        return read(Package.of, parsed(response, http.api), http.api)
    return package
