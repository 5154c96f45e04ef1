"""What is really there, whoever knows of it: processes on this machine, messages in queues; and the weather."""

import json
import time
from pathlib import Path
from typing import Any

from tests.support.platform import Platform, eventually


def faults(platform: Platform) -> dict[str, int]:
    """What the weather has done so far, counted by kind."""
    return dict(platform.varz("aws")["faults"])


def set_weather(platform: Platform, **weather: Any) -> None:
    """The weather from now on; what is not named is calm."""
    platform.http.post(f"{platform.component('aws')['http']}/weather", json=weather).raise_for_status()


def processes(name: str) -> list[tuple[int, str, int]]:
    """(index, instance guid, pid) of every process of the app on this machine, whoever knows of it."""
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        try:
            pairs = (pair.partition("=") for pair in (folder / "environ").read_text(errors="replace").split("\0"))
            environ = {key: value for key, _, value in pairs}
        except OSError:
            continue  # ended meanwhile, or somebody else's
        if json.loads(environ.get("VCAP_APPLICATION") or "{}").get("application_name") == name:
            found.append((int(environ["CF_INSTANCE_INDEX"]), environ["CF_INSTANCE_GUID"], int(folder.name)))
    return sorted(found)


def guids(name: str) -> dict[int, str]:
    return {index: guid for index, guid, _ in processes(name)}


def settled(platform: Platform, name: str, count: int) -> dict[int, str]:
    """Guids by index once exactly these run and the API says so; none comes or goes after that."""

    def exactly() -> bool:
        return [index for index, _, _ in processes(name)] == list(range(count)) and platform.running(name, count)

    eventually(exactly, within_s=40)
    before = processes(name)
    for _ in range(10):  # late copies have come, and a sweep has looked
        time.sleep(0.15)
        assert processes(name) == before
    return guids(name)


def app_guid(platform: Platform, name: str) -> str:
    return str(platform.api("GET", "/v3/apps", params={"names": name}).json()["resources"][0]["guid"])


def depth(sqs: Any, url: str) -> int:
    """Messages in a queue, those in somebody's hands among them."""
    names = ["ApproximateNumberOfMessages", "ApproximateNumberOfMessagesNotVisible"]
    counts = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    return sum(int(counts[name]) for name in names)
