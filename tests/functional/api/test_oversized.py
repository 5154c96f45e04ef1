"""Bodies that are too long are refused, wherever they are sent, and leave nothing behind."""

import json

from chalicelib.api.base import MAX_BODY_BYTES
from tests.functional.api.bodies import bodies
from tests.functional.api.whole import Whole

#: As much as API Gateway lets through.
TEN_MB = 10 * 1000 * 1000


def test_a_body_of_10_mb_is_refused_by_everything_that_makes_something(whole: Whole) -> None:
    whole.restore()
    before = whole.cloud.held()
    too_long = json.dumps({"name": "x" * TEN_MB})
    assert len(too_long) > MAX_BODY_BYTES
    wrong = []
    for endpoint in bodies(whole):
        method, _, path = endpoint.partition(" ")
        answered = whole.callers["admin"].request(method, whole.address(path), body=too_long)
        if answered.status != 400 or "error" not in answered.text:
            wrong.append(f"{endpoint}: {answered.status} {answered.text[:200]}")
    assert wrong == []
    assert whole.cloud.held() == before
