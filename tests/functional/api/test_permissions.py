"""Every role asks every endpoint. ``make permissions`` asks all of them; otherwise each asks a third, by turns."""

import os

import pytest

from infra.openapi.document import paths_of_views
from tests.functional.api.bodies import bodies
from tests.functional.api.permissions import CALLERS, EXPECTED
from tests.functional.api.whole import Whole

CODES = {"1": 401, "2": 422, "3": 403, "4": 404}
#: Every how manieth question is asked.
STRIDE = int(os.environ.get("ZF_PERMISSIONS_STRIDE", "3"))


def test_every_endpoint_has_a_row() -> None:
    served = {f"{method} {path}" for path, method in paths_of_views()}
    assert served == EXPECTED.keys()


@pytest.mark.parametrize("reads", [True, False], ids=["reads", "writes"])
def test_each_role_may_what_its_row_says(whole: Whole, reads: bool) -> None:
    """A write that is allowed is mostly refused for its body; what it changed all the same is put back."""
    whole.restore()
    sent = bodies(whole)
    wrong = []
    for number, (endpoint, expected) in enumerate(EXPECTED.items()):
        method, _, path = endpoint.partition(" ")
        if (method == "GET") != reads:
            continue
        for role in CALLERS[number % STRIDE :: STRIDE]:
            body = None if reads else sent.get(endpoint, {"no such field": 1})
            answered = whole.callers[role].request(method, whole.address(path), json=body)
            if answered.status < 300 and not reads:
                whole.restore()
            if not _is(expected[role], answered.status, is_made=endpoint in sent):
                wrong.append(f"{endpoint} as {role}: {answered.status} {answered.text[:100]} and not {expected[role]}")
    whole.restore()
    assert wrong == []


def _is(expected: str, status: int, is_made: bool) -> bool:
    """is_made: the body is one that can be done."""
    if expected in CODES:
        return status == CODES[expected]
    return status < 500 and status not in (401, 403, 404) and not (is_made and status == 422)
