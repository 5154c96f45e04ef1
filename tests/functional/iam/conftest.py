"""A world of its own for each function, whose calls of AWS are written down."""

import json
from collections.abc import Callable
from pathlib import Path

import pytest

from chalicelib import bootstrap
from chalicelib.bootstrap import World
from chalicelib.tables.connection import shared
from infra.iam.compare import Recorded
from infra.iam.recorder import Recorder
from tests.functional.deployments import conftest as deployments
from tests.functional.services import conftest as services_

stage, show = deployments.stage, deployments.show
world, broker, services = services_.world, services_.broker, services_.services

#: Gives what has been asked for so far.
Asked = Callable[[], set[Recorded]]


@pytest.fixture
def lone(world: World) -> World:
    """As a function has it that has just been started: no key is known, no queue was looked up."""
    return bootstrap.make(world.config, "cc")


@pytest.fixture
def asked(lone: World, tmp_path: Path) -> Asked:
    """Of what is done in the world ``lone``, and with the database."""
    recording = Recorder(tmp_path)
    for client in (shared().client, lone.bus.sqs, lone.bus.sns, lone.blobs.s3):
        client.meta.events.register("before-parameter-build", recording.call)
    return lambda: {tuple(json.loads(line)) for file in tmp_path.iterdir() for line in file.read_text().splitlines()}
