"""What drains are made of, without a network."""

from dataclasses import replace

import pytest

from chalicelib.contracts.logs import AppDrains, LogEntry
from router.drains.backlog import BATCH_LINES, Backlog, Budget
from router.drains.marks import MAX_API, Marks
from router.drains.syslog import framed, message
from router.drains.targets import BadDrainError, parse
from router.log_cache import size_of

APP = AppDrains("g-1", ("u",), ("my  org!", "dev-", "ä shop" + "x" * 80), {"app_name": 'q"]\\\n'})


def entry(offset: int, writer: str = "i-1", text: str = "hello") -> LogEntry:
    return LogEntry(writer, offset, 1_700_000_000_000_001_999, "OUT", "APP/TASK/my job", "3", text)


def test_a_message_is_rfc_5424_whatever_its_parts_are() -> None:
    data = message(replace(entry(1, text="a\0b ü\n"), type="ERR"), APP).decode()
    head, _, rest = data.partition(" [tags@47450 ")
    assert head == f"<11>1 2023-11-14T22:13:20.000001+00:00 my-org.dev.-shop{'x' * 58} g-1 [APP/TASK/MY-JOB/3] -"
    assert rest.startswith('app_name="q\\"\\]\\\\ " instance_id="3"')
    assert rest.endswith("] ab ü\n")
    assert framed(b"12345") == b"5 12345"


def test_what_a_url_says_is_shown_without_its_secrets() -> None:
    target = parse("https-batch://u:p@h.example/x?token=t#f", plain_allowed=False)
    assert (target.shown, target.url) == ("https-batch://h.example:443", "https://u:p@h.example/x?token=t")
    assert "token" not in repr(target)
    assert parse("syslog-tls://[2001:db8::1]", False).is_numeric
    assert parse("syslog://h", True).port == 514
    for bad in ("syslog://h", "http://h", "syslog-tls:///x", "https://h:0x1", "", "https://[::1", "://"):
        with pytest.raises(BadDrainError):
            parse(bad, plain_allowed=False)


def test_a_backlog_drops_the_oldest_but_not_what_is_being_sent() -> None:
    budget = Budget()
    backlog = Backlog(budget, max_lines=BATCH_LINES + 5)
    for number in range(BATCH_LINES):
        backlog.put(entry(number))
    sending = list(backlog.take())
    for number in range(BATCH_LINES, BATCH_LINES + 8):
        backlog.put(entry(number))
    assert (backlog.take(), len(sending), backlog.lost) == (sending, BATCH_LINES, 3)
    backlog.done(1)
    assert backlog.take()[0].offset == 1
    backlog.done(BATCH_LINES)
    assert [one.offset for one in backlog.take()] == list(range(BATCH_LINES + 3, BATCH_LINES + 8))
    backlog.clear()
    assert (len(backlog), budget.used, backlog.lost) == (0, 0, 8)


def test_all_backlogs_share_one_budget() -> None:
    budget = Budget(size_of(entry(1)) * 3)
    one, other = Backlog(budget), Backlog(budget)
    for number in range(3):
        one.put(entry(number))
    other.put(entry(9))
    assert (len(one), len(other), other.lost) == (3, 0, 1)


def test_marks_pass_each_line_on_once_in_any_order() -> None:
    marks, told = Marks(), Marks()
    assert marks.pass_on([entry(2), entry(1), entry(7, "i-2")]) == [entry(2), entry(1), entry(7, "i-2")]
    told.merge(marks.all())
    assert told.pass_on([entry(1), entry(2), entry(3), entry(7, "i-2")]) == [entry(3)]
    told.merge(marks.all())
    assert told.pass_on([entry(3)]) == []


def api(number: int, at: int = 0) -> LogEntry:
    return replace(entry(at or 1000 + number, f"event-{number}"), source_type="API")


def test_lines_of_the_control_plane_go_once_each_however_late_or_often_they_come() -> None:
    marks, told = Marks(), Marks()
    assert marks.pass_on([api(5), api(3)]) == [api(5), api(3)]
    assert marks.pass_on([api(4), api(3), api(5)]) == [api(4)]
    assert marks
    told.merge(marks.all())
    assert told.pass_on([api(3), api(4), api(5), entry(0)]) == [entry(0)]


def test_many_lines_of_the_control_plane_cost_little_and_still_go_once() -> None:
    marks, many = Marks(), [api(number) for number in range(500)]
    assert marks.pass_on(many) == many
    assert len(marks.all()) == MAX_API + 1
    other = Marks(marks.all())
    for one in (marks, other):
        assert one.pass_on(many) == []
        # Later than the last that is remembered, though it is older than some of these.
        late = api(1000, at=1490)
        assert one.pass_on([late]) == [late]
        assert one.pass_on([late]) == []
