"""A platform of two DEAs and two routers per file of fault tests: parts are really killed and cut."""

from collections.abc import Iterator

import pytest

from tests.support.platform import Platform, a_platform


@pytest.fixture(scope="module")
def platform() -> Iterator[Platform]:
    # Brokers of the tests are on loopback.
    with a_platform(deas=2, routers=2, ZF_ALLOWED_ADDRESSES="127.0.0.1") as running:
        yield running


@pytest.fixture
def app_name(request: pytest.FixtureRequest) -> Iterator[str]:
    name = f"fault-{abs(hash(request.node.nodeid)) % 10**8}"
    yield name
    request.getfixturevalue("platform").zf("delete", name, "-f", "-r", check=False)
