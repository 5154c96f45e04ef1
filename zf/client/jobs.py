"""Asynchronous answers: 202 with the Location of a job, polled until it is COMPLETE."""

import time
from collections.abc import Callable
from typing import Any

from zf.client.errors import JobFailedError, WaitError
from zf.client.http import Http, raise_for
from zf.client.waiting import backoff

#: The steps behind a job are short; a job without news for this long has lost its worker.
GIVE_UP_S = 600


def finish(http: Http, response: Any, sleep: Callable[[float], None] | None = None) -> None:
    """Returns when the job of `response` is done, or has none. Raises ApiError, JobFailedError, WaitError."""
    raise_for(response, http.api)
    location = response.headers.get("location")
    if response.status_code != 202 or not location:
        return
    waited = 0.0
    for pause in backoff(0.05, 1.5, 1.0):
        job = http.json("GET", location)
        state = job.get("state")
        if state == "COMPLETE":
            return
        if state == "FAILED":
            details = [str(error.get("detail", "")) for error in job.get("errors") or ()]
            raise JobFailedError(
                "; ".join(detail.rstrip(".") for detail in details if detail) or "The job failed without a reason",
                "Nothing was started; correct it and run the command again",
            )
        if waited > GIVE_UP_S:
            raise WaitError(
                f"The job {job.get('guid')} has not ended in {GIVE_UP_S // 60} minutes",
                f"Look at it: zf curl {location}",
            )
        (sleep or time.sleep)(pause)
        waited += pause
