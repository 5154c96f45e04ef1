"""With --json, JSON is all that stands on stdout: of every command that is tried on the API itself."""

from tests.functional.conftest import ADMIN_PASSWORD
from tests.functional.deployments.conftest import Show
from tests.functional.services.broker import Broker

from ..conftest import Zf
from .conftest import Hands
from .runs import RUNS


def test_json_is_all_that_stands_on_stdout(real: Zf, hands: Hands, show: Show, broker: Broker) -> None:
    hands.apps.append(show.running("shop"))
    real("set-env", "shop", "GREETING", "hello")
    assert real("restart", "shop", "--strategy", "rolling").status == 0, "a second revision"
    known = {"APP": "shop", "BROKER": broker.url, "ADMIN": ADMIN_PASSWORD}
    for name, args in RUNS.items():
        ran = real(name, *(known.get(arg, arg) for arg in args), "--json")
        assert ran.status == 0, f"{name}: {ran.out}{ran.err}"
        assert ran.json is not None, name
        assert ran.err == "", name
