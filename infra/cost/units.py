"""How DynamoDB measures: sizes of items in its wire format, and the request units of a call. Pure.

Sizes are those of the developer guide ("DynamoDB item sizes and formats"); reads count 4 KB, writes 1 KB, a
transaction twice. What an answer does not tell (the size of an item that is deleted, or changed in a transaction)
counts as what was sent, one unit at least.
"""

import math
from collections.abc import Mapping
from typing import Any

Wire = Mapping[str, Any]

READ_BYTES, WRITE_BYTES = 4096, 1024


def value_bytes(value: Wire) -> int:
    """Of one attribute value such as ``{"S": "text"}``."""
    ((kind, held),) = value.items()
    match kind:
        case "S":
            return len(str(held).encode())
        case "N":
            digits = str(held).strip("-").replace(".", "").strip("0")
            return (len(digits) + 1) // 2 + 1 + str(held).startswith("-")
        case "BOOL" | "NULL":
            return 1
        case "L":
            return 3 + sum(1 + value_bytes(each) for each in held)
        case "M":
            return 3 + len(held) + item_bytes(held)
    return sum(len(each) for each in held) if kind.endswith("S") else len(held)


def item_bytes(item: Wire) -> int:
    return sum(len(name.encode()) + value_bytes(value) for name, value in item.items())


def read_units(size: float, consistent: bool = True) -> float:
    """``size``: bytes of an item, or of all that a query reads."""
    return max(1, math.ceil(size / READ_BYTES)) * (1.0 if consistent else 0.5)


def write_units(size: float) -> int:
    return max(1, math.ceil(size / WRITE_BYTES))


def read_by(operation: str, params: Wire, answer: Wire) -> float:
    """Read request units of one call; 0 for a write."""
    match operation:
        case "GetItem":
            return read_units(item_bytes(answer.get("Item", {})), bool(params.get("ConsistentRead")))
        case "Query" | "Scan":
            size = sum(map(item_bytes, answer.get("Items", ())))
            return read_units(size, bool(params.get("ConsistentRead")))
        case "BatchGetItem":
            consistent = {name: bool(asked.get("ConsistentRead")) for name, asked in params["RequestItems"].items()}
            found = answer.get("Responses", {})
            missing = sum(
                (len(asked["Keys"]) - len(found.get(name, ()))) * (1.0 if consistent[name] else 0.5)
                for name, asked in params["RequestItems"].items()
            )
            return missing + sum(
                read_units(item_bytes(item), consistent[name]) for name, items in found.items() for item in items
            )
    return 0.0


def written_by(operation: str, params: Wire, answer: Wire, copies: Mapping[str, int]) -> dict[str, float]:
    """Write request units of one call by table. copies: how many indexes a table has, each of which is written too."""
    match operation:
        case "PutItem" | "UpdateItem" | "DeleteItem":
            return {params["TableName"]: _one(params, answer.get("Attributes", {}), copies)}
        case "BatchWriteItem":
            return {
                name: sum(_one({"TableName": name, **each.get("PutRequest", {})}, {}, copies) for each in asked)
                for name, asked in params["RequestItems"].items()
            }
        case "TransactWriteItems":
            found: dict[str, float] = {}
            for each in params["TransactItems"]:
                ((_, action),) = each.items()
                found[action["TableName"]] = found.get(action["TableName"], 0) + 2 * _one(action, {}, copies)
            return found
    return {}


def _one(action: Wire, after: Wire, copies: Mapping[str, int]) -> float:
    sent = item_bytes(action.get("Item", {})) or item_bytes(action.get("ExpressionAttributeValues", {}))
    return write_units(max(sent, item_bytes(after))) * (1 + copies.get(action["TableName"], 0))
