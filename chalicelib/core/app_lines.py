"""What an app's own log says of what CloudController does with the app: Cloud Foundry's texts, by audit event. Pure.

People search logs for these texts, and tools parse the payload of an exit: hashes are written as Ruby prints them.
"""

import json
import re
from collections.abc import Mapping
from typing import Any

#: In characters.
MAX_TEXT = 4096

#: Of an audit event: {app} is the app's guid, the rest are keys of the event's data as Ruby prints them.
TEXTS = {
    "audit.app.create": "Created app with guid {app}",
    "audit.app.update": "Updated app with guid {app} ({request})",
    "audit.app.droplet.mapped": "Updated app with guid {app} ({request})",
    "audit.app.apply_manifest": "Applied manifest to app with guid {app}",
    "audit.app.start": "Starting app with guid {app}",
    "audit.app.restart": "Restarted app with guid {app}",
    "audit.app.stop": "Stopping app with guid {app}",
    "audit.app.delete-request": "Deleted app with guid {app}",
    "audit.app.package.create": "Adding app package for app with guid {app}",
    "audit.app.package.upload": "Uploading app package for app with guid {app}",
    "audit.app.package.delete": "Deleting app package for app with guid {app}",
    "audit.app.build.create": "Creating build for app with guid {app}",
    "audit.app.build.failed": "Staging failed for build {build_guid}",
    "audit.app.droplet.create": "Creating droplet for app with guid {app}",
    "audit.app.droplet.upload": "Uploading droplet for app with guid {app}",
    "audit.app.droplet.delete": "Deleting droplet for app with guid {app}",
    "audit.app.deployment.create": "Creating deployment for app with guid {app}",
    "audit.app.deployment.cancel": "Cancelling deployment for app with guid {app}",
    "audit.app.deployment.continue": "Continuing deployment for app with guid {app}",
    "audit.app.revision.create": "Creating revision for app with guid {app}",
    "audit.app.process.create": "Added process: {process_type}",
    "audit.app.process.delete": "Deleting process: {process_type}",
    "audit.app.process.update": "Updating process: {process_type}",
    "audit.app.process.scale": "Scaling process: {process_type}",
    "audit.app.process.terminate_instance": 'Terminating process: {process_type}, index: "{process_index}"',
    "audit.app.process.crash": "Process has crashed with type: {process_type}",
    "app.crash": "App instance exited with guid {app} payload: {data}",
}

#: Of these the values are guids, which stand without quotes.
_BARE = frozenset({"build_guid"})

#: Who is let in by an address: user and password.
_USERINFO = re.compile(r"(://)[^/@\s\"]*@")


def line(event: str, app_guid: str, data: Mapping[str, Any]) -> str | None:
    """None for events of which logs say nothing, and for those that lack what the text names."""
    text = TEXTS.get(event)
    if text is None:
        return None
    words = {key: str(value) if key in _BARE else ruby(value) for key, value in data.items()}
    try:
        said = text.format_map({**words, "app": app_guid, "data": ruby(data)})
    except KeyError:
        return None
    return _USERINFO.sub(r"\1***:***@", said)[:MAX_TEXT]


def ruby(value: Any) -> str:
    """A JSON value as Ruby's ``inspect`` gives it: ``{"a"=>nil}``."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{ruby(str(key))}=>{ruby(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(ruby(item) for item in value) + "]"
    return "nil" if value is None else json.dumps(value, ensure_ascii=False)
