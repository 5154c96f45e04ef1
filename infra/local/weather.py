"""AWS's bad weather, decided: what goes wrong with which call. Pure; weather_layer.py makes it so.

moto answers at once, in order, exactly once and always. AWS documents otherwise: reads without ConsistentRead and
index reads lag, SNS and SQS deliver late, twice and out of order, transactions meet, calls are throttled or end in
a 500 of which nobody knows whether it was done, and a queue whose policy does not allow a topic gets nothing.

Every decision is a function of the seed, what is decided and how many such decisions came before, so that one seed
gives one weather.
"""

import fnmatch
import hashlib
import itertools
import json
from collections import defaultdict
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any

from chalicelib.contracts.codec import from_json

#: What may be told to be down.
SERVICES = ("dynamodb", "s3", "secretsmanager", "sns", "sqs")

#: Longest time that any of it may take, seconds: as long as SQS can delay a message.
LONGEST_S = 900

#: Most messages that one overtakes.
OVERTAKEN_MOST = 5


@dataclass(frozen=True, slots=True)
class Weather:
    """What may happen; what is not named does not. Names that end in ``_s`` are seconds, other numbers are shares.

    conflicts (of transactions), throttles, errors_before, errors_after (a 500 before or after it was done): of calls.
    stale_most_s: a read without ConsistentRead may be this old.
    sns_least_s, sns_most_s: how long a delivery takes. late: how much longer one takes that contains this text.
    duplicates: of messages, by SNS and again by SQS; duplicate_most_s: the second comes at most this much later.
    overtaking: of messages that go before some that were sent earlier. reversed_s: what comes to a queue within this
    time is held and given out together, the last first.
    down: services that answer every call by a 500.
    """

    conflicts: float = 0.0
    throttles: float = 0.0
    errors_before: float = 0.0
    errors_after: float = 0.0
    stale_most_s: float = 0.0
    sns_least_s: float = 0.0
    sns_most_s: float = 0.0
    duplicates: float = 0.0
    duplicate_most_s: float = 0.0
    overtaking: float = 0.0
    reversed_s: float = 0.0
    down: tuple[str, ...] = ()
    late: dict[str, float] = field(default_factory=dict)

    def sns_delay_s(self, message: str, roll: float) -> float:
        """How long a delivery takes."""
        late = sum(seconds for text, seconds in self.late.items() if text in message)
        return self.sns_least_s + (self.sns_most_s - self.sns_least_s) * roll + late


#: A bad day. AWS promises none of these; they are far above what it shows, so that a test run meets each.
STORM = Weather(
    conflicts=0.01,
    throttles=0.01,
    errors_before=0.005,
    errors_after=0.005,
    stale_most_s=2.0,
    sns_least_s=0.02,
    sns_most_s=0.5,
    duplicates=0.01,
    duplicate_most_s=1.0,
    overtaking=0.2,
)

PREFIX, SEED = "ZF_WEATHER_", "ZF_WEATHER_SEED"


def forecast(environ: Mapping[str, str]) -> tuple[str, Weather] | None:
    """(seed, weather) of the environment; None when nothing there speaks of weather.

    The seed alone brings the storm; a number of :class:`Weather` (``ZF_WEATHER_DUPLICATES=1``) brings that and no
    more. Raises ValueError.
    """
    seed = environ.get(SEED, "")
    named = {
        name.removeprefix(PREFIX).lower(): float(text)
        for name, text in environ.items()
        if name.startswith(PREFIX) and name != SEED
    }
    if named:
        return seed, parse(named)
    return (seed, STORM) if seed else None


def parse(document: Any) -> Weather:
    """The weather of a JSON object with some of its names. Raises ValueError."""
    weather = from_json(Weather, document, "weather")
    if unknown := set(document) - {known.name for known in fields(Weather)} | set(weather.down) - set(SERVICES):
        raise ValueError(f"no weather has {', '.join(sorted(unknown))}")
    for name, value in [*document.items(), *weather.late.items()]:
        most = LONGEST_S if name.endswith("_s") or name in weather.late else 1
        if isinstance(value, int | float) and not 0 <= value <= most:
            raise ValueError(f"weather.{name}: {value} is out of range")
    return weather


class Dice:
    """Numbers in [0, 1) by seed: ``roll(kind)`` gives the next of its kind, whatever other kinds are rolled."""

    def __init__(self, seed: str) -> None:
        self._seed = seed
        self._counters: defaultdict[str, itertools.count[int]] = defaultdict(itertools.count)

    def roll(self, kind: str) -> float:
        return number(self._seed, kind, next(self._counters[kind]))


def number(seed: str, kind: str, n: int) -> float:
    """The ``n``-th number of ``kind`` under ``seed``, in [0, 1)."""
    digest = hashlib.blake2b(f"{seed}\0{kind}\0{n}".encode(), digest_size=7).digest()
    return int.from_bytes(digest, "big") / 2**56


@dataclass(frozen=True, slots=True)
class Fault:
    """code, status: as the service says it. after: the call has been done all the same."""

    code: str
    status: int
    after: bool = False


_THROTTLED = {
    "dynamodb": Fault("ProvisionedThroughputExceededException", 400),
    "s3": Fault("SlowDown", 503),
    "sqs": Fault("RequestThrottled", 400),
    "sns": Fault("Throttling", 400),
    "secretsmanager": Fault("ThrottlingException", 400),
}
_ERROR = {"dynamodb": "InternalServerError", "secretsmanager": "InternalServiceError"}

CONFLICT = Fault("TransactionCanceledException", 400)


def fault_of(weather: Weather, service: str, action: str, roll: float) -> Fault | None:
    """What happens to a call, None for nothing."""
    error = _ERROR.get(service, "InternalError")
    shares: list[tuple[float, Fault | None]] = [
        (float(service in weather.down), Fault(error, 500)),
        (weather.conflicts, CONFLICT if action == "TransactWriteItems" else None),
        (weather.throttles, _THROTTLED.get(service)),
        (weather.errors_before, Fault(error, 500)),
        (weather.errors_after, Fault(error, 500, after=True)),
    ]
    for share, fault in shares:
        if roll < share:
            return fault
        roll -= share
    return None


def refusal(service: str, fault: Fault, params: dict[str, Any]) -> tuple[int, dict[str, str], str]:
    """(status, headers, body) of a fault in the service's own protocol. ``params``: the call's, for a conflict."""
    text = "The weather is bad"
    if service in ("s3", "sns"):
        error = f"<Code>{fault.code}</Code><Message>{text}</Message>"
        body = (
            f"<Error>{error}</Error>" if service == "s3" else f"<ErrorResponse><Error>{error}</Error></ErrorResponse>"
        )
        return fault.status, {"Content-Type": "text/xml"}, body
    document: dict[str, Any] = {"__type": f"com.amazonaws.{service}#{fault.code}", "message": text}
    if fault is CONFLICT:
        reason = {"Code": "TransactionConflict", "Message": "Transaction is ongoing for the item"}
        document["CancellationReasons"] = [reason, *({"Code": "None"} for _ in params["TransactItems"][1:])]
        document["message"] = (
            "Transaction cancelled, please refer cancellation reasons for specific reasons "
            f"[{', '.join(r['Code'] for r in document['CancellationReasons'])}]"
        )
    return fault.status, {"Content-Type": "application/x-amz-json-1.0"}, json.dumps(document)


def is_stale(action: str, params: dict[str, Any]) -> bool:
    """Whether DynamoDB may answer this from a replica that lags."""
    if action in ("GetItem", "Query", "Scan"):
        return "IndexName" in params or not params.get("ConsistentRead", False)
    if action == "BatchGetItem":
        return not all(table.get("ConsistentRead", False) for table in params["RequestItems"].values())
    return False


def writes_of(action: str, params: dict[str, Any]) -> list[tuple[str, dict[str, Any]]]:
    """(table, attributes with the key among them) of every item that a call changes."""
    if action in ("PutItem", "UpdateItem", "DeleteItem"):
        return [(params["TableName"], params.get("Item") or params["Key"])]
    if action == "TransactWriteItems":
        changes = [body for item in params["TransactItems"] for kind, body in item.items() if kind != "ConditionCheck"]
        return [(body["TableName"], body.get("Item") or body["Key"]) for body in changes]
    if action == "BatchWriteItem":
        return [
            (table, request.get("PutRequest", {}).get("Item") or request["DeleteRequest"]["Key"])
            for table, requests in params["RequestItems"].items()
            for request in requests
        ]
    return []


def allows(policy: str | None, queue_arn: str, topic_arn: str) -> bool:
    """Whether a queue's policy lets SNS deliver from this topic. A condition that is not understood allows nothing."""
    try:
        statements = json.loads(policy or "{}").get("Statement", [])
    except ValueError:
        return False
    fitting = [s for s in statements if _applies(s, queue_arn, topic_arn)]
    return any(s["Effect"] == "Allow" for s in fitting) and not any(s["Effect"] == "Deny" for s in fitting)


def _applies(statement: dict[str, Any], queue_arn: str, topic_arn: str) -> bool:
    principal = statement.get("Principal")
    services = _texts(principal.get("Service")) if isinstance(principal, dict) else []
    anybody = principal == "*" or (isinstance(principal, dict) and principal.get("AWS") == "*")
    if not (anybody or "sns.amazonaws.com" in services):
        return False
    actions = [action.lower() for action in _texts(statement.get("Action"))]
    if not any(action in ("sqs:sendmessage", "sqs:*", "*") for action in actions):
        return False
    if not any(fnmatch.fnmatchcase(queue_arn, resource) for resource in _texts(statement.get("Resource"))):
        return False
    return all(
        operator in ("ArnEquals", "ArnLike", "StringEquals", "StringLike")
        and set(keys) == {"aws:SourceArn"}
        and any(fnmatch.fnmatchcase(topic_arn, wanted) for wanted in _texts(keys["aws:SourceArn"]))
        for operator, keys in statement.get("Condition", {}).items()
    )


def _texts(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value or [])
