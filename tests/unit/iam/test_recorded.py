"""The committed record of what parts ask for, and the policies: held together between runs of ``make iam-check``."""

import json

from infra.iam.__main__ import RECORD
from infra.iam.compare import compare
from infra.iam.record import compact, expanded
from infra.iam.table import FUNCTIONS, PARTS

RECORDED = json.loads(RECORD.read_text())
RENEW = "make iam-check WRITE=1 renews infra/iam/recorded.json; infra/iam/table.py is what is granted"


def test_whatever_was_recorded_is_granted_and_whatever_is_granted_was_recorded_or_has_a_reason() -> None:
    found = compare(PARTS, expanded(RECORDED))
    assert (found.refused, found.unused) == ([], []), RENEW


def test_every_part_is_in_the_record() -> None:
    assert set(RECORDED) == set(PARTS) >= set(FUNCTIONS)


def test_the_record_names_nothing_but_the_topologys() -> None:
    named = {name for actions in RECORDED.values() for names in actions.values() for name in names}
    assert [name for name in sorted(named) if name.startswith("arn:")] == []
    assert compact(expanded(RECORDED)) == RECORDED
