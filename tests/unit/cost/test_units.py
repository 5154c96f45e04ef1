import pytest

from infra.cost import units


@pytest.mark.parametrize(
    ("item", "size"),
    [
        ({}, 0),
        ({"key": {"S": "äb"}}, 3 + 3),
        ({"n": {"N": "12345"}}, 1 + 4),
        ({"n": {"N": "-100"}}, 1 + 3),
        ({"a": {"BOOL": True}, "b": {"NULL": True}}, 2 + 2),
        ({"l": {"L": [{"S": "xy"}, {"N": "1"}]}}, 1 + 3 + (1 + 2) + (1 + 2)),
        ({"m": {"M": {"k": {"S": "v"}}}}, 1 + 3 + 1 + 2),
        ({"s": {"SS": ["ab", "c"]}}, 1 + 3),
    ],
)
def test_an_item_is_as_large_as_dynamodb_says(item: units.Wire, size: int) -> None:
    assert units.item_bytes(item) == size


def test_a_query_is_charged_for_all_that_it_reads_together_and_half_when_stale_will_do() -> None:
    row = {"key": {"S": "x" * 3000}}
    asked = {"TableName": "zf-deas", "ConsistentRead": True}
    assert units.read_by("Query", asked, {"Items": [row, row]}) == 2
    assert units.read_by("Query", {"TableName": "zf-deas"}, {"Items": [row, row]}) == 1
    assert units.read_by("Query", asked, {"Items": []}) == 1


def test_a_batch_is_charged_item_by_item_and_for_those_that_are_not_there() -> None:
    asked = {"RequestItems": {"zf-apps": {"Keys": [{}, {}, {}], "ConsistentRead": True}}}
    found = {"Responses": {"zf-apps": [{"a": {"S": "x" * 5000}}, {"a": {"S": "x"}}]}}
    assert units.read_by("BatchGetItem", asked, found) == 2 + 1 + 1


def test_a_write_is_charged_for_the_larger_of_what_was_sent_and_what_is_there() -> None:
    update = {"TableName": "zf-deas", "ExpressionAttributeValues": {":0": {"N": "1"}}}
    assert units.written_by("UpdateItem", update, {"Attributes": {"a": {"S": "x" * 2500}}}, {}) == {"zf-deas": 3}


def test_every_index_is_written_too() -> None:
    put = {"TableName": "zf-audit-events", "Item": {"a": {"S": "x"}}}
    assert units.written_by("PutItem", put, {}, {"zf-audit-events": 4}) == {"zf-audit-events": 5}


def test_transactions_count_twice() -> None:
    put = {"TableName": "zf-apps", "Item": {"a": {"S": "x" * 1500}}}
    check = {"TableName": "zf-names"}
    asked = {"TransactItems": [{"Put": put}, {"ConditionCheck": check}]}
    assert units.written_by("TransactWriteItems", asked, {}, {}) == {"zf-apps": 4, "zf-names": 2}
