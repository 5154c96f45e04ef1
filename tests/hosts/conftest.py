"""One site for all tests here. Nothing runs where namespaces cannot be made; it says why."""

import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.hosts.site import Site, a_site, why_not


@pytest.fixture(scope="session")
def site() -> Iterator[Site]:
    if reason := why_not():
        pytest.skip(reason)
    # Not below pytest's own folder: the apps' users must be able to pass through.
    with tempfile.TemporaryDirectory(prefix="zfh-", ignore_cleanup_errors=True) as folder:
        Path(folder).chmod(0o711)
        with a_site(Path(folder)) as running:
            yield running


@pytest.fixture
def app(request: pytest.FixtureRequest, site: Site) -> Iterator[str]:
    """Of two instances."""
    name = f"hosts-{abs(hash(request.node.nodeid)) % 10**8}"
    site.platform.push(name, "-i", 2)
    site.until_whole(name)
    yield name
    site.platform.zf("delete", name, "-f", "-r", check=False)
