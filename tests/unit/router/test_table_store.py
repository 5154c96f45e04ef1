from pathlib import Path

from chalicelib.contracts.routing import Register, Unregister
from router.route_table import RouteTable, apply
from router.table_store import MAX_JOURNAL_BYTES, TableStore
from tests.unit.router.builders import an_endpoint


def fill(store: TableStore, count: int) -> RouteTable:
    table = RouteTable()
    for seq in range(count):
        message = Register("dea-0", "b1", seq, False, (an_endpoint(f"g{seq}"),))
        table, _ = apply(table, message, float(seq), now=0.0)
        store.append(message, float(seq), table)
    return table


def test_without_files_there_is_no_table(tmp_path: Path) -> None:
    assert TableStore(tmp_path).load(0.0) is None


def test_snapshot_and_journal_are_the_table(tmp_path: Path) -> None:
    store = TableStore(tmp_path)
    table = fill(store, 3)
    store.save(table)
    message = Unregister("dea-0", "b1", 9, ("g1",))
    table, _ = apply(table, message, 9.0, now=0.0)
    store.append(message, 9.0, table)
    loaded = TableStore(tmp_path).load(0.0)
    assert loaded == table


def test_everything_counts_as_heard_when_it_is_loaded(tmp_path: Path) -> None:
    store = TableStore(tmp_path)
    table, _ = apply(RouteTable(), Unregister("dea-0", "b1", 1, ("g1",)), 1.0, now=5.0)
    store.save(table)
    loaded = TableStore(tmp_path).load(1000.0)
    assert loaded is not None
    assert loaded.silent
    assert (loaded.deas["dea-0"].heard, loaded.deas["dea-0"].gone) == (1000.0, {"g1": 1000.0})


def test_a_half_written_line_costs_only_itself(tmp_path: Path) -> None:
    store = TableStore(tmp_path)
    store.save(RouteTable())
    fill(store, 2)
    journal = tmp_path / "journal.jsonl"
    text = journal.read_text()
    journal.write_text(text[: len(text) - 20])
    loaded = TableStore(tmp_path).load(0.0)
    assert loaded is not None
    assert [endpoint.instance_guid for endpoint in loaded.endpoints()] == ["g0"]


def test_a_snapshot_that_cannot_be_read_is_not_trusted(tmp_path: Path) -> None:
    for text in ("{", "[]", '{"deas": 5}'):
        (tmp_path / "table.json").write_text(text)
        assert TableStore(tmp_path).load(0.0) is None


def test_the_journal_is_bounded(tmp_path: Path) -> None:
    store = TableStore(tmp_path)
    endpoint = an_endpoint("g1", *(f"h{n}.example.com" for n in range(3000)))
    table = RouteTable()
    for seq in range(150):
        message = Register("dea-0", "b1", seq, True, (endpoint,))
        table, _ = apply(table, message, float(seq), now=0.0)
        store.append(message, float(seq), table)
        journal = tmp_path / "journal.jsonl"
        assert not journal.exists() or journal.stat().st_size <= MAX_JOURNAL_BYTES
    assert TableStore(tmp_path).load(0.0) == table
