"""What an installation costs in a month: from rates, prices and a scenario to entries. Pure.

Rates are measured (rates.json: what one turn, one message, one push takes), intervals are the cloud's own
(core.timers), prices are public (prices.json), the rest stands in Scenario and Choices. Every entry names the line of
the bill and the cause, so that tables can be cut either way.
"""

import math
from collections.abc import Iterator, Mapping
from typing import Any

from chalicelib.contracts.frozen import frozen
from chalicelib.core.timers import Timers
from dea_agent.registrar import MESSAGE_BYTES
from infra.cost.quantities import RECEIVE_MAX, chunks, deletes, receives
from infra.cost.units import READ_BYTES, read_units, write_units

#: AWS's month.
HOURS = 730
MONTH_S = HOURS * 3600

#: Memory at which Lambda gives a function a whole vCPU, MB (Lambda developer guide).
VCPU_MB = 1769
#: What DynamoDB, SQS and SNS take to answer within a region, ms.
CALL_MS = 5.0
#: A host's inbox receives, handles and deletes by turns: so many rounds a second at two calls each.
HOST_ROUNDS = 1000 / (2 * 2 * CALL_MS)
#: Of a query: 1 MB a page.
PAGE_BYTES = 1024**2
#: One line of ours for a turn, bytes with CloudWatch's 26. Lambda's own three are switched off (system_log_level).
LOG_BYTES = 140

#: The note of when hosts were heard (tables.actual.HealthState), deflated: its frame, and each host's share.
PRESENCE_BASE, PRESENCE_BYTES = 60, 44
#: Of an instance: started, healthy, its routes known, stopped; by pushes, restarts and what moves hosts.
CHANGES_A_DAY = 10

CONTROL = ("Lambda", "DynamoDB", "SNS", "SQS", "S3", "logs", "API Gateway", "alarms", "secrets")
HOSTS = ("hosts", "load balancer", "addresses", "DNS")


@frozen
class Scenario:
    """An installation in steady state. dea_host, router_host: names in prices.json. zones: of the load balancer."""

    name: str
    instances: int
    deas: int
    routers: int
    dea_host: str = "t4g.medium"
    router_host: str = "t4g.small"
    zones: int = 1
    disk_gb: int = 30
    #: Of apps: so many instances each, pushes a month, requests to the API per push and beside, GB of blobs.
    instances_per_app: float = 2
    pushes_per_app: float = 4
    requests_per_push: float = 40
    requests_beside: float = 3000
    blob_gb_per_app: float = 0.15

    @property
    def apps(self) -> float:
        return self.instances / self.instances_per_app

    @property
    def per_dea(self) -> float:
        return self.instances / self.deas if self.deas else 0.0


@frozen
class Choices:
    """How it is configured; the defaults are what the code and infra/terraform do.

    pollers: that Lambda keeps on a queue: five, "as few as two" when traffic is low, which is ``quiet_pollers``.
    memory_mb: of functions. rows_us, sweep_us: processor time on a whole vCPU per instance, of reading all hosts' rows
    and of a full sweep beside (benchmarks/scale.py); beat_ms: of a beat that says nothing new. alarms: of
    modules/observability (``few``); has_metrics: those of handlers/hm.py.
    """

    pollers: int = 5
    quiet_pollers: int = 2
    memory_mb: int = 512
    rows_us: float = 5.0
    sweep_us: float = 110.0
    alarms: int = 5
    has_metrics: bool = True
    beat_ms: float = 0.4


@frozen
class Entry:
    """quantity: a month's; usd: of all of it."""

    line: str
    cause: str
    price: str
    quantity: float
    usd: float


@frozen
class Said:
    """Messages per second, what they are charged as (64 KB each), and the bytes of the largest."""

    messages: float
    units: float
    size: float


class Model:
    """rates, prices: the documents. timers: the cloud's. queues: those that a function is called by."""

    def __init__(
        self,
        rates: Mapping[str, Any],
        prices: Mapping[str, Any],
        topology: Mapping[str, Any],
        timers: Timers,
        choices: Choices,
    ) -> None:
        self._said, self._functions = rates["said"], rates["functions"]
        self._items, self._push = rates["items"], rates["push"]
        self._prices, self.timers, self.choices = prices["prices"], timers, choices
        self._queues = sum("handler" in queue for queue in topology["queues"].values())
        self._schedule_rates = {name: 1 / spec["rate_s"] for name, spec in topology["schedules"].items()}

    def entries(self, scenario: Scenario) -> list[Entry]:
        return [
            *self._beats(scenario),
            *self._sweeps(scenario),
            *self._registrations(scenario),
            *self._idle_polls(),
            *self._pushes(scenario),
            *self._kept(scenario),
            *self._hosts(scenario),
        ]

    def _entry(self, line: str, cause: str, price: str, quantity: float) -> Entry:
        return Entry(line, cause, price, quantity, quantity * float(self._prices[price]["usd"]))

    def _steady(self, line: str, cause: str, price: str, per_s: float) -> Entry:
        return self._entry(line, cause, price, per_s * MONTH_S)

    # -- what hosts say to the HealthManager -----------------------------------------------------------------------

    def item_bytes(self, table: str, per_dea: float) -> float:
        return _at(self._items[table], per_dea)

    def presence_bytes(self, deas: float) -> float:
        """Of the one item that says when each host was heard."""
        return PRESENCE_BASE + deas * PRESENCE_BYTES

    def message_bytes(self, subject: str, per_dea: float) -> float:
        return _at(self._said[subject]["bytes"], per_dea)

    def _beats(self, scenario: Scenario) -> Iterator[Entry]:
        """Beats that say nothing new wait for the next quick sweep, which rides on a ping to queue ``hm``."""
        timers, cause = self.timers, "heartbeats"
        beats, sweeps = scenario.deas / timers.heartbeat_s, 1 / timers.quick_sweep_s
        units, waiting = chunks(self.message_bytes("dea.heartbeat", scenario.per_dea)), beats / sweeps
        yield self._steady("SQS", cause, "sqs_request", beats * units)
        # The last receive is not full; what is received beyond 64 KB is paid for, too.
        received = sweeps * (math.floor(waiting / RECEIVE_MAX) + 1) + beats * (units - 1)
        yield self._steady("SQS", cause, "sqs_request", received + sweeps * math.ceil(waiting / RECEIVE_MAX))
        polled = receives(sweeps, self.choices.quiet_pollers) - receives(0, self.choices.quiet_pollers)
        yield self._steady("SQS", "pings", "sqs_request", sweeps + polled + sweeps)
        # What changes comes at once: sent, received, deleted; the host's row and the instance's, in a transaction.
        changes = self.changes_s(scenario)
        row = self.item_bytes("deas", scenario.per_dea)
        yield self._steady("SQS", "changes", "sqs_request", 3 * changes)
        yield self._steady("DynamoDB", "changes", "dynamodb_write", changes * 2 * (write_units(row) + 1))
        yield self._steady("DynamoDB", "changes", "dynamodb_read", changes * 2 * read_units(row))
        usage = scenario.deas / timers.usage_interval_s if scenario.instances else 0.0
        size = self.item_bytes("usage", scenario.per_dea)
        yield self._steady("DynamoDB", "usage samples", "dynamodb_write", usage * write_units(size))
        noted = self.presence_bytes(scenario.deas)
        yield self._steady("DynamoDB", "hearing", "dynamodb_write", sweeps * write_units(noted))
        yield self._steady("DynamoDB", "hearing", "dynamodb_read", sweeps * read_units(noted))
        yield from self._runs("quick sweeps", sweeps, self.quick_ms(scenario))
        yield from self._all_rows("quick sweeps", sweeps, scenario)

    def changes_s(self, scenario: Scenario) -> float:
        """Beats per second that say something new."""
        return scenario.instances * CHANGES_A_DAY / 86400

    def quick_ms(self, scenario: Scenario) -> float:
        """One quick sweep's time but for the reading of hosts' rows."""
        waiting = scenario.deas * self.timers.quick_sweep_s / self.timers.heartbeat_s
        requests = 2 * (waiting / RECEIVE_MAX + 1)
        return self._turn_ms("hm_inbox", 1) + self.vcpu_ms(waiting * self.choices.beat_ms) + requests * CALL_MS

    def _all_rows(self, cause: str, per_s: float, scenario: Scenario, more_us: float = 0.0) -> Iterator[Entry]:
        """Reading all hosts' rows in a turn that is counted elsewhere. more_us: per instance, of what it does then."""
        size = scenario.deas * self.item_bytes("deas", scenario.per_dea)
        yield self._steady("DynamoDB", cause, "dynamodb_read", per_s * max(1.0, size / READ_BYTES))
        ms = self.vcpu_ms(scenario.instances * (self.choices.rows_us + more_us) / 1000)
        ms += CALL_MS * size / PAGE_BYTES
        yield self._steady("Lambda", cause, "lambda_gb_s", per_s * ms / 1000 * self.choices.memory_mb / 1024)

    # -- functions -------------------------------------------------------------------------------------------------

    def vcpu_ms(self, cpu_ms: float) -> float:
        """How long so much of a whole vCPU's work takes with the share that the memory brings."""
        return cpu_ms * max(1.0, VCPU_MB / self.choices.memory_mb)

    def _turn_ms(self, function: str, messages: float = 0) -> float:
        spec = self._functions[function]
        return self.vcpu_ms(_at(spec["cpu_ms"], messages)) + CALL_MS * _at(spec["calls"], messages)

    def _runs(self, cause: str, per_s: float, ms: float) -> Iterator[Entry]:
        yield self._steady("Lambda", cause, "lambda_request", per_s)
        yield self._steady("Lambda", cause, "lambda_gb_s", per_s * ms / 1000 * self.choices.memory_mb / 1024)
        yield self._steady("logs", "functions' logs", "logs_gb", per_s * LOG_BYTES / 1024**3)

    def _sweeps(self, scenario: Scenario) -> Iterator[Entry]:
        for name, per_s in self._schedule_rates.items():
            yield from self._runs("sweeps", per_s, self._turn_ms(name))
            reads = sum(table["read"] for key, table in self._functions[name]["tables"].items() if key in SMALL)
            yield self._steady("DynamoDB", "sweeps", "dynamodb_read", per_s * reads)
        often = self._schedule_rates["hm_full_sweep"]
        yield from self._all_rows("sweeps", often, scenario, self.choices.sweep_us)
        # Every started process is read.
        yield self._steady("DynamoDB", "sweeps", "dynamodb_read", often * scenario.apps)

    # -- what hosts say to routers ---------------------------------------------------------------------------------

    def registrations(self, scenario: Scenario) -> Said:
        """Full lists of all DEAs; those that a new router asks for are left out, routers live long."""
        size = self.message_bytes("router.register", scenario.per_dea)
        # A list that is too long comes in parts, all full but the last.
        full, rest = divmod(size, MESSAGE_BYTES)
        lists = scenario.deas / self.timers.register_s
        return Said(lists * (full + 1), lists * (full * chunks(MESSAGE_BYTES) + chunks(rest)), min(size, MESSAGE_BYTES))

    def _registrations(self, scenario: Scenario) -> Iterator[Entry]:
        cause, said = "registrations", self.registrations(scenario)
        starts = scenario.routers / self.timers.router_start_s
        yield self._steady("SNS", cause, "sns_publish", said.units)
        yield self._steady("SNS", "routers' own words", "sns_publish", starts)
        heard = said.messages + starts
        polled = receives(heard, most=HOST_ROUNDS)
        requests = polled + said.units - said.messages + deletes(heard)
        yield self._steady("SQS", cause, "sqs_request", scenario.routers * requests)
        polled = receives(starts, most=HOST_ROUNDS)
        yield self._steady("SQS", "DEAs' queues", "sqs_request", scenario.deas * (polled + deletes(starts)))

    def _idle_polls(self) -> Iterator[Entry]:
        """Nothing is in them at rest, but for pings."""
        polls = self._queues * receives(0, self.choices.quiet_pollers)
        yield self._steady("SQS", "pollers of quiet queues", "sqs_request", polls)

    # -- what users do, and what is kept ---------------------------------------------------------------------------

    def _pushes(self, scenario: Scenario) -> Iterator[Entry]:
        pushes, cause = scenario.apps * scenario.pushes_per_app, "pushes"
        requests = pushes * scenario.requests_per_push + scenario.requests_beside
        yield self._entry("API Gateway", "requests", "api_request", requests)
        took = self._push
        ms = self.vcpu_ms(20) + 4 * CALL_MS
        for count in (requests, pushes * took["turns"]):
            yield self._entry("Lambda", cause, "lambda_request", count)
            yield self._entry("Lambda", cause, "lambda_gb_s", count * ms / 1000 * self.choices.memory_mb / 1024)
            yield self._entry("logs", "functions' logs", "logs_gb", count * LOG_BYTES / 1024**3)
        yield self._entry("DynamoDB", cause, "dynamodb_read", pushes * took["read"] + 2 * scenario.requests_beside)
        yield self._entry("DynamoDB", cause, "dynamodb_write", pushes * took["write"])
        yield self._entry("SNS", cause, "sns_publish", pushes * took["publishes"])
        # Each is sent, received and deleted; what is published, received and deleted by everybody.
        heard = took["publishes"] * (scenario.deas + scenario.routers)
        yield self._entry("SQS", cause, "sqs_request", pushes * (3 * took["sends"] + 2 * heard))
        yield self._entry("S3", cause, "s3_put", pushes * took["blobs"])

    def _kept(self, scenario: Scenario) -> Iterator[Entry]:
        yield self._entry("S3", "blobs", "s3_gb", scenario.apps * scenario.blob_gb_per_app)
        # A few dozen rows of 1 KB for each app, its events and instances.
        yield self._entry(
            "DynamoDB", "storage", "dynamodb_gb", scenario.apps * 100 / 1024**2 + scenario.instances / 1e6
        )
        yield self._entry("alarms", "alarms", "alarm_metric", self.choices.alarms)
        # What is well is not sent (handlers/hm.py): somewhere among apps something always drifts; without hosts there
        # is no room.
        sent = (scenario.instances > 0) + (scenario.deas == 0)
        yield self._entry("alarms", "metrics", "custom_metric", sent if self.choices.has_metrics else 0)
        # Read every five minutes by who signs or checks: cents.
        yield self._entry("secrets", "signing key", "secret", 1)

    def _hosts(self, scenario: Scenario) -> Iterator[Entry]:
        if not scenario.routers:
            return
        count = scenario.deas + scenario.routers
        yield self._entry("hosts", "DEAs", scenario.dea_host, scenario.deas * HOURS)
        yield self._entry("hosts", "routers", scenario.router_host, scenario.routers * HOURS)
        yield self._entry("hosts", "disks", "disk_gb", count * scenario.disk_gb)
        yield self._entry("load balancer", "load balancer", "load_balancer", HOURS)
        yield self._entry("addresses", "addresses", "address", (count + scenario.zones) * HOURS)
        yield self._entry("DNS", "zone", "dns_zone", 1)


def _at(line: Mapping[str, float], x: float) -> float:
    """A measured straight line at ``x``."""
    return max(1.0, line["base"] + line["slope"] * x)


#: Tables of which a sweep reads the same at every size; the rows of hosts and processes are counted apart.
SMALL = ("due", "members", "outbox", "settings", "health-state")


def lines(entries: list[Entry]) -> dict[str, float]:
    """USD by line of the bill."""
    found = dict.fromkeys((*CONTROL, *HOSTS), 0.0)
    for entry in entries:
        found[entry.line] += entry.usd
    return found


def causes(entries: list[Entry]) -> dict[str, float]:
    """USD of the control plane by cause, the largest first."""
    found: dict[str, float] = {}
    for entry in entries:
        if entry.line in CONTROL:
            found[entry.cause] = found.get(entry.cause, 0.0) + entry.usd
    return dict(sorted(found.items(), key=lambda item: -item[1]))


def control(entries: list[Entry]) -> float:
    return sum(entry.usd for entry in entries if entry.line in CONTROL)
