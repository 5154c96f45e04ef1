"""What can go wrong, told as one sentence (`message`) and the way out (`hint`).

    ZfError                    exit status 1
    ├── UsageError             2: the command line contradicts itself
    ├── ConfigError            the config file cannot be read or written
    ├── NotLoggedInError       no token, or none that can be renewed
    ├── NotTargetedError       no org or space chosen
    ├── UnreachableError       no answer over HTTP
    ├── BadAnswerError         an answer that is not Cloud Foundry v3
    ├── ApiError               the API refused: status and v3 errors
    │   └── NotFoundError      404, or a name that no list has
    ├── JobFailedError         an asynchronous job ended FAILED
    ├── WaitError              the client stopped waiting
    ├── ManifestError          manifest.yml: file and line
    ├── FilesError             the folder or archive to push
    ├── UploadError            the upload broke off
    ├── StagingError           no droplet; carries the last log lines
    └── StartError             no instance runs; carries the last log lines

Tokens and passwords never enter a message.
"""

from collections.abc import Iterable, Sequence
from difflib import get_close_matches
from typing import Any


class ZfError(Exception):
    """log: the last lines of what failed, the oldest first."""

    exit_code = 1
    #: Whether people have seen the log already, while it was written.
    log_was_shown = False

    def __init__(self, message: str, hint: str = "", *, log: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message, self.hint, self.log = message, hint, tuple(log)

    def as_json(self) -> dict[str, Any]:
        return {"error": {"message": self.message, "hint": self.hint, **({"log": list(self.log)} if self.log else {})}}


class UsageError(ZfError):
    exit_code = 2


class ConfigError(ZfError):
    pass


class NotLoggedInError(ZfError):
    def __init__(self, message: str = "Not logged in", api: str = "") -> None:
        super().__init__(
            message, f"Log in with: zf login{'' if api else ' -a URL, or start a cloud here: zf local up'}"
        )


class NotTargetedError(ZfError):
    pass


class UnreachableError(ZfError):
    pass


class BadAnswerError(ZfError):
    pass


class ApiError(ZfError):
    """status: of HTTP. errors: the v3 list of {code, title, detail}, empty when the body was something else."""

    def __init__(self, message: str, hint: str = "", *, status: int, errors: Sequence[dict[str, Any]] = ()) -> None:
        super().__init__(message, hint)
        self.status, self.errors = status, tuple(errors)

    def has_code(self, code: int) -> bool:
        return any(error.get("code") == code for error in self.errors)

    def as_json(self) -> dict[str, Any]:
        answer = super().as_json()
        answer["error"] |= {"status": self.status, "errors": list(self.errors)}
        return answer


class NotFoundError(ApiError):
    def __init__(self, message: str, hint: str = "", *, errors: Sequence[dict[str, Any]] = ()) -> None:
        super().__init__(message, hint, status=404, errors=errors)


class JobFailedError(ZfError):
    pass


class WaitError(ZfError):
    pass


class ManifestError(ZfError):
    pass


class FilesError(ZfError):
    pass


class UploadError(ZfError):
    pass


class StagingError(ZfError):
    log_was_shown = True


class StartError(ZfError):
    pass


_LIMITED = "See the limits: zf org-quotas, zf space-quotas; stop or scale down something, or ask for more"
#: What refusals say -> the way out. A part of the text, for most of them share one code (10008); the first wins.
_WAYS = (
    ("join token", "An operator makes a new one: zf admin invite HOST"),
    ("Feature Disabled", "An operator can allow it: zf feature-flags, zf enable-feature-flag FLAG"),
    ("organization is suspended", "An operator can lift that; until then nothing of the org changes"),
    ("you have access to it", "Your roles may not allow it; a manager of the org or space can grant one"),
    *((part, _LIMITED) for part in ("_exceeded", "quota exceeded", "have exceeded", "exceeds the quota")),
    *((part, _LIMITED) for part in ("exceeds organization", "exceeds space")),
    ("associated service instances", "Delete those first: zf services, zf delete-service INSTANCE"),
    ("is taken", "Choose another name"),
    ("already taken", "Choose another name"),
    ("already exists", "Choose another name"),
    ("must be unique", "Choose another name"),
)


def way_out(said: str) -> str:
    """What to do about a refusal that the API tells as `said`; empty when only its reader knows."""
    return next((way for part, way in _WAYS if part in said), "")


def missing(kind: str, name: str, there: Iterable[str], listing: str) -> NotFoundError:
    """A name that is not there: says which near ones are, else how to list them."""
    near = get_close_matches(name, list(there), n=3, cutoff=0.6)
    hint = f"Did you mean {' or '.join(near)}?" if near else f"List what there is: {listing}"
    return NotFoundError(f"{kind} '{name}' does not exist", hint)
