"""What an installation asks of AWS's quotas, and of its own parts' time and memory: which limit is met first. Pure.

Quotas are the defaults of an account, from Service Quotas and the developer guides as of November 2026; those marked
so can be raised by asking. Rates are per second.
"""

import math
from collections.abc import Callable
from dataclasses import replace

from chalicelib.contracts.frozen import frozen
from infra.cost.model import CALL_MS, HOST_ROUNDS, MONTH_S, PAGE_BYTES, Model, Scenario
from infra.cost.quantities import RECEIVE_MAX
from infra.cost.units import READ_BYTES, write_units

#: One partition of DynamoDB, units per second; all rows of hosts have one partition key.
PARTITION_WRITES, PARTITION_READS = 1_000, 3_000
#: Units per second of one table on demand, reads and writes each; raised on request.
TABLE_UNITS = 40_000
#: Publishes a second in us-east-1, and in the smallest regions; raised on request.
SNS_LARGE, SNS_SMALL = 30_000, 300
#: At once in one region; raised on request. New accounts begin with ten.
CONCURRENCY = 1_000
IN_FLIGHT = 120_000
API_REQUESTS = 10_000
#: Of one message, bytes.
MESSAGE_MAX = 256 * 1024
#: Of one item, bytes.
ITEM_MAX = 400 * 1024
SUBSCRIPTIONS = 12_500_000
#: A bid is written, its auction read and the window looked at; processor time of all that, ms.
BID_CALLS, BID_CPU_MS = 3, 3.0
#: What a sweep holds of an instance (benchmarks/scale.py), bytes; what a function holds before it has begun, MB.
HELD_BYTES, HELD_MB = 850, 100

#: The one that docs/scale.md is about.
LARGE = Scenario("large", 250_000, 1_000, 10)


@frozen
class Limit:
    """need: of a scenario, in the unit of ``quota``. remedy: what to do when it is met."""

    name: str
    quota: float
    unit: str
    need: Callable[[Scenario], float]
    remedy: str

    def share(self, scenario: Scenario) -> float:
        return self.need(scenario) / self.quota

    def met_at(self, scenario: Scenario) -> int | None:
        """DEAs, each as full and each router as busy as in the scenario, from which on it is met; None: never."""

        def at(deas: int) -> Scenario:
            return replace(
                scenario,
                deas=deas,
                instances=round(deas * scenario.per_dea),
                routers=max(1, round(deas * scenario.routers / scenario.deas)),
            )

        low, high = 0, 1
        while self.share(at(high)) < 1:
            low, high = high, 2 * high
            if high > 10_000_000:
                return None
        while high - low > 1:
            middle = (low + high) // 2
            low, high = (low, middle) if self.share(at(middle)) >= 1 else (middle, high)
        return high


def limits(model: Model) -> list[Limit]:
    """All that are known to matter, in no order."""
    timers, memory_mb = model.timers, model.choices.memory_mb

    def beats(s: Scenario) -> float:
        return s.deas / timers.heartbeat_s

    def all_rows(s: Scenario) -> float:
        return s.deas * model.item_bytes("deas", s.per_dea)

    def reads(s: Scenario) -> float:
        return (1 / timers.quick_sweep_s + 1 / timers.full_sweep_s) * all_rows(s) / READ_BYTES

    def rows_s(s: Scenario) -> float:
        cpu_ms = model.vcpu_ms(s.instances * model.choices.rows_us / 1000)
        return (cpu_ms + CALL_MS * all_rows(s) / PAGE_BYTES) / 1000

    def quick_s(s: Scenario) -> float:
        return rows_s(s) + model.quick_ms(s) / 1000

    def sweep_s(s: Scenario) -> float:
        return rows_s(s) + model.vcpu_ms(s.instances * model.choices.sweep_us / 1000) / 1000

    def bids_s(s: Scenario) -> float:
        each_ms = BID_CALLS * CALL_MS + model.vcpu_ms(BID_CPU_MS)
        return s.deas * each_ms / 1000 / model.choices.pollers

    def held_mb(s: Scenario) -> float:
        return HELD_MB + s.instances * HELD_BYTES / 2**20

    def heard(s: Scenario) -> float:
        """By a router, of what its inbox can take."""
        said = model.registrations(s)
        each = min(RECEIVE_MAX, max(1, math.floor(2**20 / said.size)))
        return (said.messages + s.routers / timers.router_start_s) / (HOST_ROUNDS * each)

    def running(s: Scenario) -> float:
        """Functions at once: sweeps."""
        return quick_s(s) / timers.quick_sweep_s + sweep_s(s) / timers.full_sweep_s

    return [
        Limit(
            "writes of hosts' rows, one partition key",
            PARTITION_WRITES,
            "units/s",
            lambda s: 2 * model.changes_s(s) * write_units(model.item_bytes("deas", s.per_dea)),
            "more keys: hosts by a hash of their names",
        ),
        Limit(
            "reads of hosts' rows, one partition key",
            PARTITION_READS,
            "units/s",
            reads,
            "quick sweeps that read the presences only",
        ),
        Limit("reads of table `deas`", TABLE_UNITS, "units/s", reads, "ask for more"),
        Limit(
            f"a full sweep in one turn, {memory_mb} MB",
            timers.full_sweep_s,
            "s",
            sweep_s,
            "`sweep_parts`: up to five turns at once; more memory",
        ),
        Limit(
            "memory of a sweep",
            memory_mb,
            "MB",
            held_mb,
            "more memory, which is more processor, too",
        ),
        Limit(
            "a quick sweep until the next one", timers.quick_sweep_s, "s", quick_s, "read presences only; more memory"
        ),
        Limit(
            "the note of who was heard in one item",
            ITEM_MAX,
            "bytes",
            lambda s: model.presence_bytes(s.deas),
            "several items, by a hash of hosts' names",
        ),
        Limit(
            "an auction's look at who lives, until it is held again",
            timers.bid_deadline_s,
            "s",
            rows_s,
            "count the living once in a while, not in every auction",
        ),
        Limit(
            "all bids of one auction through queue `cc`, until it is held again",
            timers.bid_deadline_s,
            "s",
            bids_s,
            "ask some hosts with room and not all (architecture: 20 above 50 DEAs)",
        ),
        Limit(
            "a router's inbox: registrations",
            1,
            "of what it can take",
            heard,
            "say what has changed, and the full list seldom",
        ),
        Limit(
            "SNS publishes, us-east-1",
            SNS_LARGE,
            "/s",
            lambda s: model.registrations(s).messages,
            "ask for more; as above",
        ),
        Limit(
            "SNS publishes, smallest regions",
            SNS_SMALL,
            "/s",
            lambda s: model.registrations(s).messages,
            "ask for more; as above",
        ),
        Limit("Lambda at once", CONCURRENCY, "turns", running, "ask for more"),
        Limit("Lambda at once, new account", 10, "turns", running, "ask for more, before the first push"),
        Limit(
            "SQS in flight, queue `beats`",
            IN_FLIGHT,
            "messages",
            lambda s: timers.quick_sweep_s * beats(s),
            "none needed",
        ),
        Limit(
            "API Gateway",
            API_REQUESTS,
            "requests/s",
            lambda s: s.apps * s.pushes_per_app * s.requests_per_push / MONTH_S,
            "none needed",
        ),
        Limit("subscriptions to a topic", SUBSCRIPTIONS, "", lambda s: float(s.deas + s.routers), "none needed"),
        Limit(
            "a heartbeat in one message (longer ones are packed)",
            MESSAGE_MAX,
            "bytes",
            lambda s: model.message_bytes("dea.heartbeat", s.per_dea),
            "smaller hosts",
        ),
        Limit(
            "a host's row in one item",
            ITEM_MAX,
            "bytes",
            lambda s: model.item_bytes("deas", s.per_dea),
            "smaller hosts",
        ),
    ]
