"""Asynchronous answers: 202 with the Location of a job, polled until it is COMPLETE."""

from typing import Any

from zf.client.errors import JobFailedError, WaitError, way_out
from zf.client.http import Http, raise_for
from zf.client.waiting import looks

#: The steps behind a job are short; a job without news for this long has lost its worker.
GIVE_UP_S = 600


def finish(http: Http, response: Any, give_up_s: float = GIVE_UP_S, wait: bool = True) -> list[str]:
    """The job's warnings when it is done or there is none.

    wait: False when a job that goes on elsewhere (POLLING: a service broker is at work) is enough.
    Raises ApiError, JobFailedError, WaitError.
    """
    raise_for(response, http.api)
    location = response.headers.get("location")
    if response.status_code != 202 or not location:
        return []
    for _ in looks(0.05, 1.5, 1.0, give_up_s):
        job = http.json("GET", location)
        state = job.get("state")
        if state == "COMPLETE" or (state == "POLLING" and not wait):
            return [str(warning["detail"]) for warning in job.get("warnings") or () if warning.get("detail")]
        if state == "FAILED":
            details = [str(error.get("detail", "")) for error in job.get("errors") or ()]
            said = "; ".join(detail.rstrip(".") for detail in details if detail)
            way = way_out(said) or "Correct it and run the command again"
            raise JobFailedError(said or "The job failed without a reason", way)
    raise WaitError(f"The job has not ended in {give_up_s // 60:g} minutes", f"Look at it: zf curl {location}")
