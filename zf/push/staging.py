"""From a package to a droplet: a build, followed with its log."""

import time

from zf.client.api import Api
from zf.client.errors import StagingError, WaitError
from zf.client.logs import LogCache
from zf.client.models import App, Package
from zf.client.waiting import looks
from zf.push.livelog import LAST_LINES_S, LiveLog
from zf.push.report import Phase

#: The platform ends a build after 15 min; a client that waits longer has lost touch.
GIVE_UP_S = 1200


def stage(api: Api, cache: LogCache, app: App, package: Package, phase: Phase) -> str:
    """The guid of the new droplet. Raises StagingError with the buildpack's last words, WaitError."""
    live = LiveLog(cache, app.guid, phase.log)
    build = api.create_build(package)
    for _ in looks(0.1, 1.3, 0.5, GIVE_UP_S):
        build = api.build(build.guid)
        live.more()
        if build.state == "STAGED":
            phase.label = "Staged"
            return build.droplet_guid
        if build.state == "FAILED":
            time.sleep(LAST_LINES_S)
            live.more()
            reason = build.error.rstrip(".") or "the build gave no reason"
            way = f"Correct the app and push again; the whole log: zf logs {app.name} --recent"
            raise StagingError(f"Staging {app.name} failed: {reason}", way, log=list(live.tail))
    raise WaitError(
        f"Staging {app.name} has not ended in {GIVE_UP_S // 60} minutes", f"Look at it: zf curl /v3/builds/{build.guid}"
    )
