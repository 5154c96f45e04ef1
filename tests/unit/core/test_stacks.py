"""What a stack's state lets apps do."""

from chalicelib.core import stacks


def test_a_restricted_stack_takes_only_whom_it_has_had_before() -> None:
    new = [bool(stacks.staging_refused("fs", state, "", staged_before=False)) for state in stacks.STATES]
    known = [bool(stacks.staging_refused("fs", state, "", staged_before=True)) for state in stacks.STATES]
    assert (new, known) == ([False, False, True, True], [False, False, False, True])


def test_a_deprecated_stack_is_warned_of_with_its_reason() -> None:
    assert [state for state in stacks.STATES if stacks.warning("fs", state, "")] == ["DEPRECATED"]
    assert str(stacks.warning("fs", "DEPRECATED", "Take fs5.")).endswith("removed. Take fs5.")
    assert str(stacks.staging_refused("fs", "DISABLED", "Take fs5.", True)).endswith("staging. Take fs5.")
