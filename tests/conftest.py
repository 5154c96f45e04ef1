"""The environment of all tests: names, credentials and timers of a cloud that is nobody's.

Set before anything of the control plane is imported, because table names are made at import.
"""

import os
import signal

import pytest

# A runner that was started in the background ignores Ctrl-C, and so would every command that tests start and interrupt.
signal.signal(signal.SIGINT, signal.default_int_handler)

os.environ.update(
    {
        "ZF_PREFIX": "test",
        "ZF_PROFILE": "local",
        "ZF_ACCOUNT": "123456789012",
        "ZF_DOMAIN": "localhost",
        "ZF_EXTERNAL_PORT": "8080",
        "ZF_EXTERNAL_SCHEME": "http",
        "AWS_DEFAULT_REGION": "us-east-1",
        "AWS_ACCESS_KEY_ID": "testing",
        "AWS_SECRET_ACCESS_KEY": "testing",
        # Nobody looks for credentials or a region anywhere else.
        "AWS_EC2_METADATA_DISABLED": "true",
    }
)
os.environ.pop("AWS_PROFILE", None)

#: Folders whose tests take users, control groups and ports of the whole machine: never two of them at once.
MACHINE = ("tests/e2e/", "tests/functional/dea_agent/", "tests/functional/local/", "tests/functional/staging/")


@pytest.hookimpl(tryfirst=True)  # before xdist looks at the groups
def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    """With ``-n 2 --dist loadgroup`` one process runs what uses the machine, the other one the rest, file by file."""
    for item in items:
        path = item.nodeid.partition("::")[0]
        item.add_marker(pytest.mark.xdist_group("machine" if path.startswith(MACHINE) else path))


def pytest_make_parametrize_id(val: object, argname: str) -> str | None:
    """Archives hold the time of day, and both processes must call a test by the same name."""
    return argname if isinstance(val, bytes) else None
