"""HM in the functional tests' cloud, with a clock that the test moves and hosts that say what the test wants."""

from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager
from dataclasses import replace

import pytest

from chalicelib.config import from_env
from chalicelib.services.health import world as health_world
from chalicelib.services.health.world import HealthWorld
from chalicelib.tables.connection import shared
from tests.functional.cloud import Cloud
from tests.functional.health.support import Stage


@pytest.fixture
def gone_hosts() -> set[str]:
    """Ids of which the cloud says that they are gone."""
    return set()


@pytest.fixture
def hm(cloud: Cloud, gone_hosts: set[str]) -> HealthWorld:
    made = health_world.make(from_env())
    return replace(made, hosts_gone=lambda ids: gone_hosts & set(ids))


@pytest.fixture
def stage(cloud: Cloud, hm: HealthWorld) -> Stage:
    """A process ``p`` may be wanted, DEAs may speak, and HM has listened for long."""
    stage = Stage(cloud, hm)
    stage.listen_for(3600)
    return stage


@pytest.fixture
def another_hm(hm: HealthWorld) -> Callable[[], HealthWorld]:
    """A second HM beside the first, on the same tables and queues."""
    return lambda: replace(health_world.make(hm.config), hosts_gone=hm.hosts_gone)


@pytest.fixture
def just_before(cloud: Cloud) -> Callable[..., AbstractContextManager[None]]:
    """``with just_before("UpdateItem", act):`` acts once, right before the next such call reaches DynamoDB; or, with
    ``after=1``, before the one after that."""

    @contextmanager
    def interfere(call: str, act: Callable[[], object], after: int = 0) -> Iterator[None]:
        acts: list[Callable[[], object]] = [act, *[lambda: None] * after]

        def called(**_: object) -> None:
            if acts:
                acts.pop()()

        events = shared().client.meta.events
        events.register(f"before-call.dynamodb.{call}", called)
        try:
            yield
        finally:
            events.unregister(f"before-call.dynamodb.{call}", called)

    return interfere


def _die() -> None:
    raise Died


class Died(Exception):
    """HM was killed at this point."""


@pytest.fixture
def dying_at(just_before: Callable[..., AbstractContextManager[None]]) -> Callable[..., AbstractContextManager[None]]:
    """``with dying_at("UpdateItem"):`` HM is killed right before the next such call."""

    @contextmanager
    def die(call: str, after: int = 0) -> Iterator[None]:
        with just_before(call, _die, after), pytest.raises(Died):
            yield

    return die


@pytest.fixture
def cloud_restored(cloud: Cloud, stage: Stage) -> Callable[[], None]:
    """Put the cloud back to what it was when the test began."""

    def restore() -> None:
        cloud.restore()
        stage.listen_for(3600)

    return restore
