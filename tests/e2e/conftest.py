"""One platform for all end-to-end tests; ZF_TEST_WEATHER=<seed> puts it into AWS's bad weather."""

import os
from collections.abc import Iterator

import pytest

from tests.support.platform import Platform, a_platform


@pytest.fixture(scope="session")
def platform() -> Iterator[Platform]:
    weather = os.environ.get("ZF_TEST_WEATHER")
    flags = ("--weather-seed", weather) if weather else ()
    environment = {
        # All bids are compared however busy the machine is, or late the bus: the window ends when all have answered.
        "ZF_BID_WINDOW_S": "0.6",
        # Log drains may lead to servers of the tests, and are soon noticed.
        "ZF_ALLOWED_ADDRESSES": "127.0.0.1",
        "ZF_PLAIN_DRAINS": "true",
        "ZF_DRAINS_KNOWN_S": "1",
        "ZF_GAUGE_S": "2",
    }
    with a_platform(flags=flags, **environment) as running:
        yield running


@pytest.fixture
def app_name(request: pytest.FixtureRequest) -> Iterator[str]:
    """A name of the test's own; the app is deleted afterwards."""
    name = f"e2e-{abs(hash(request.node.nodeid)) % 10**8}"
    yield name
    request.getfixturevalue("platform").zf("delete", name, "-f", "-r", check=False)
