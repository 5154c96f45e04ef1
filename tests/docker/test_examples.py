"""Every example, pushed by ``zf push`` without a flag onto a platform whose apps run in containers, answers."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field

import docker
import pytest

from dea_agent.runtimes.docker import IMAGE
from infra.stack.build import LABEL, wanted_digest
from tests.support.platform import ROOT, Platform, a_platform, eventually

EXAMPLES = ROOT / "examples"

#: What the page of each contains.
ANSWERS = {
    "erlang-escript": "Hello from instance 0",
    "go": "Hello from go, instance 0",
    "java-main": "Hello from instance 0",
    "java-war": "Hello from java-war, instance 0",
    "nginx": "Hello from nginx, instance 0",
    "nodejs-express": "Hello from nodejs-express, instance 0",
    "php": "Hello from php, instance 0",
    "procfile-worker": "Hello from instance 0",
    "python-django": "Hello from python-django, instance 0",
    "python-fastapi": '"hello":"python-fastapi"',
    "python-flask": "Hello from python-flask, instance 0",
    "ruby-rack": "Hello from ruby-rack, instance 0",
    "static": "A static site",
}

#: It asks for a database before it answers; an app can reach none on its own host.
NEEDS_MORE = "postgres-broker"

#: Seconds of each push, and what came of it.
ROW = "{:18} {:>8} {:>10}  {}"


@dataclass
class Summary:
    rows: list[str] = field(default_factory=list)

    def add(self, name: str, seconds: float, droplet: str, said: str) -> None:
        self.rows.append(ROW.format(name, f"{seconds:.1f} s", droplet, said))


@pytest.fixture(scope="module", autouse=True)
def whole_stack() -> None:
    if docker.from_env().images.get(IMAGE).labels.get(LABEL) != wanted_digest(is_small=False):
        pytest.skip("the stack has not every language; `make stack` makes it whole")


@pytest.fixture(scope="module")
def summary(request: pytest.FixtureRequest) -> Iterator[Summary]:
    found = Summary()
    yield found
    capture = request.config.pluginmanager.getplugin("capturemanager")
    assert capture
    with capture.global_and_fixture_disabled():
        print("", ROW.format("example", "push", "droplet", "answer"), *found.rows, sep="\n")


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    with a_platform(deas=1, flags=("--runtime", "docker")) as running:
        yield running


def droplet_of(platform: Platform, log: str) -> str:
    """Its size, as the staging log tells it."""
    said = [line for line in log.splitlines() if "Uploaded droplet (" in line]
    return said[-1].rpartition("(")[2].rstrip(")") if said else "-"


@pytest.mark.timeout(400)
@pytest.mark.parametrize("name", sorted(ANSWERS))
def test_an_example_is_pushed_without_flags_and_answers(platform: Platform, summary: Summary, name: str) -> None:
    begin = time.monotonic()
    platform.zf("push", cwd=EXAMPLES / name)
    answer = eventually(lambda: (found := platform.get(name)).status_code == 200 and found)
    assert answer
    took = time.monotonic() - begin
    summary.add(
        name, took, droplet_of(platform, platform.zf("logs", name, "--recent").stdout), first_words(answer.text)
    )
    assert ANSWERS[name] in answer.text
    platform.zf("delete", name, "-f", "-r")


@pytest.mark.timeout(400)
def test_an_example_that_must_be_told_of_a_database_is_staged_and_says_what_it_misses(
    platform: Platform, summary: Summary
) -> None:
    begin = time.monotonic()
    done = platform.zf("push", cwd=EXAMPLES / NEEDS_MORE, check=False)
    log = eventually(
        lambda: "KeyError: 'BROKER_PASSWORD'" in (said := platform.zf("logs", NEEDS_MORE, "--recent").stdout) and said
    )
    summary.add(NEEDS_MORE, time.monotonic() - begin, droplet_of(platform, log), "misses its variables, as it should")
    assert done.returncode != 0
    assert droplet_of(platform, log) != "-"


def test_every_example_is_here() -> None:
    assert {path.name for path in EXAMPLES.iterdir() if path.is_dir()} == {*ANSWERS, NEEDS_MORE}


def first_words(text: str) -> str:
    return text.strip().partition("\n")[0][:60]
