"""What makes one revision differ from another."""

from dataclasses import replace

from chalicelib.core.revisions import Contents, changes

BEFORE = Contents("droplet", {"A": "1"}, {"web": None, "worker": "run"}, [{"name": "logger"}])


def test_what_is_the_same_is_no_change() -> None:
    assert changes(BEFORE, replace(BEFORE)) == []


def test_every_difference_is_told_in_order() -> None:
    after = Contents("other", {}, {"web": "mine", "clock": None}, [])
    assert changes(BEFORE, after) == [
        "Custom start command added for 'web' process.",
        "New droplet deployed.",
        "New environment variables deployed.",
        "New process type 'clock' added.",
        "Process type 'worker' removed.",
        "Sidecars updated.",
    ]
    assert changes(BEFORE, replace(BEFORE, commands={"web": None, "worker": None})) == [
        "Custom start command removed for 'worker' process."
    ]
    assert changes(BEFORE, replace(BEFORE, commands={"web": None, "worker": "walk"})) == [
        "Custom start command updated for 'worker' process."
    ]
