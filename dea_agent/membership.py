"""A host that AWS does not run: credentials that the platform's API renews, and the secret that is shown for them.

What ``zf dea join`` left in a file is the membership: ``url`` of the API, ``id`` of the host, ``secret``. Neither the
secret nor credentials are ever logged or handed to apps.
"""

import json
import logging
import os
import threading
import time
import urllib.request
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any
from urllib.error import HTTPError

from botocore.credentials import DeferredRefreshableCredentials
from botocore.exceptions import CredentialRetrievalError

log = logging.getLogger(__name__)

METHOD = "zf-join"

#: Seconds that the API has to answer. The thread that wants to send waits for it, and perhaps others behind it.
ANSWER_S = 10
#: Seconds from a renewal that failed to the next try: while old credentials are good, every message asks for it.
AGAIN_S = 10
#: AWS refuses what is signed by a clock that is 5 minutes wrong; from here on it is said, seconds.
SKEW_S = 60

#: Code of Cloud Foundry's errors for who may not; an answer of another kind is somebody's on the way.
NOT_AUTHORIZED = 10003


class Refused(Exception):
    """The API knows us, and gives us nothing more."""


class Membership:
    """``on_refused`` is called in some thread, once, when the platform has let this host go."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self._failed_at = float("-inf")
        self._refused = ""
        self._lock = threading.Lock()
        self.on_refused: Callable[[], object] = lambda: None

    @property
    def credentials(self) -> DeferredRefreshableCredentials:
        """Fetched at first use; renewed when half of their time is over, by whoever uses them then."""
        return Renewed(self._renew, METHOD)

    def _renew(self) -> dict[str, Any]:
        """As botocore wants them. Raises CredentialRetrievalError, which senders take for a bus that is away."""
        with self._lock:
            if self._refused:
                raise CredentialRetrievalError(provider=METHOD, error_msg=self._refused)
            if time.monotonic() - self._failed_at < AGAIN_S:
                raise CredentialRetrievalError(provider=METHOD, error_msg="asked a moment ago, in vain")
            try:
                return self._asked()
            except Refused as error:
                self._refused = str(error)
                log.error("the platform has let this host go, which drains: %s", error)
                self.on_refused()
                raise CredentialRetrievalError(provider=METHOD, error_msg=self._refused) from None
            except (OSError, ValueError, KeyError, TypeError) as error:
                self._failed_at = time.monotonic()
                raise CredentialRetrievalError(provider=METHOD, error_msg=f"{type(error).__name__}: {error}") from None

    def _asked(self) -> dict[str, Any]:
        kept = json.loads(self._path.read_text())
        answer = _post(f"{kept['url']}/hosts/credentials", {"id": kept["id"], "secret": kept["secret"]})
        given = answer["credentials"]
        renewed = {
            "access_key": given["access_key"],
            "secret_key": given["secret_key"],
            "token": given["session_token"],
            # By our own clock, whatever it says.
            "expiry_time": (datetime.now(UTC) + timedelta(seconds=given["expires_in_s"])).isoformat(),
        }
        self._keep(kept | {"secret": answer["secret"]})
        skew_s = time.time() - answer["now"]
        if abs(skew_s) > SKEW_S:
            log.warning("this host's clock is %.0f s %s", abs(skew_s), "fast" if skew_s > 0 else "slow")
        return renewed

    def _keep(self, membership: dict[str, Any]) -> None:
        """Where the new secret cannot be written, the old one stays good, since nobody has used the new one."""
        new = self._path.with_suffix(".new")
        try:
            new.unlink(missing_ok=True)
            with open(os.open(new, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as file:
                json.dump(membership, file)
                file.flush()
                os.fsync(file.fileno())
            new.rename(self._path)
        except OSError as error:
            log.warning("the new secret cannot be kept, the old one stays: %s", error)


class Renewed(DeferredRefreshableCredentials):  # type: ignore[misc]
    """botocore's, which is in no hurry to give good credentials up because the API is away: it has until their end."""

    _mandatory_refresh_timeout = 30


def _post(url: str, document: dict[str, Any]) -> dict[str, Any]:
    """Raises Refused; OSError for what is not answered, or not with 200; ValueError for what is not JSON."""
    headers = {"Content-Type": "application/json", "User-Agent": "zerofoundry-dea"}
    request = urllib.request.Request(url, json.dumps(document).encode(), headers)
    try:
        with urllib.request.urlopen(request, timeout=ANSWER_S) as answer:
            return dict(json.load(answer))
    except HTTPError as error:
        if error.code == 403 and (said := _refusal(error.read(65536))):
            raise Refused(said) from None
        raise OSError(f"{url} answers {error.code}") from None


def _refusal(body: bytes) -> str:
    try:
        errors = json.loads(body)["errors"]
        return next((str(one["detail"]) for one in errors if one["code"] == NOT_AUTHORIZED), "")
    except (ValueError, KeyError, TypeError):
        return ""
