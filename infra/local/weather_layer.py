"""Puts the weather around moto: faults per call, a lagging replica of DynamoDB, late and repeated deliveries."""

import copy
import heapq
import itertools
import json
import logging
import threading
import time
from collections import Counter, defaultdict
from collections.abc import Callable
from dataclasses import asdict
from typing import Any

from moto.core.request import Request
from moto.dynamodb.models import DynamoDBBackend, dynamodb_backends
from moto.sns.models import Subscription
from moto.sqs.models import Message, Queue, sqs_backends

from infra.local import weather
from infra.local.account import ACCOUNT, REGION
from infra.local.aws import Answer, Aws
from infra.local.moto_fixes import DynamoHandlerOnJson, item_key, put_back
from infra.local.weather import Dice, Weather

log = logging.getLogger(__name__)


class Later:
    """Runs things after a while, in one daemon thread."""

    def __init__(self) -> None:
        self._due: list[tuple[float, int, Callable[[], None]]] = []
        self._order = itertools.count()
        self._changed = threading.Condition()
        threading.Thread(target=self._run, name="weather", daemon=True).start()

    def __call__(self, seconds: float, run: Callable[[], None]) -> None:
        with self._changed:
            heapq.heappush(self._due, (time.monotonic() + seconds, next(self._order), run))
            self._changed.notify()

    def _run(self) -> None:
        while True:
            with self._changed:
                while not self._due or self._due[0][0] > time.monotonic():
                    self._changed.wait(self._due[0][0] - time.monotonic() if self._due else None)
                _, _, run = heapq.heappop(self._due)
            try:
                run()
            except Exception:
                log.exception("a delayed step failed")


class StormyAws(Aws):
    """AWS under a weather that may change at any time; what exists when a weather begins is seen by all its reads."""

    def __init__(self, seed: str, begun: Weather) -> None:
        super().__init__()
        self._dice, self._later = Dice(seed), Later()
        self._faults: Counter[str] = Counter()
        self._replica = DynamoDBBackend(REGION, ACCOUNT)
        self.change(begun)
        stormy = self

        class Handler(DynamoHandlerOnJson):
            @property
            def dynamodb_backend(self) -> DynamoDBBackend:
                stale = stormy.weather.stale_most_s and weather.is_stale(self._get_action(), self.params)
                return stormy._replica if stale else super().dynamodb_backend

        self.handlers["dynamodb"] = Handler.dispatch
        _deliver_badly(self, self._dice, self._later, self._faults)

    def change(self, to: Weather) -> None:
        """The weather from now on."""
        with self._dynamodb_lock:
            self.weather = to
            self._replica.tables.clear()
            if to.stale_most_s:
                for name, table in dynamodb_backends[ACCOUNT][REGION].tables.items():
                    self._replicate(name).items.update(copy.deepcopy(table.items))

    def varz(self) -> dict[str, Any]:
        return super().varz() | {"faults": dict(self._faults), "weather": asdict(self.weather)}

    def answer(self, service: str, request: Request) -> Answer:
        action = request.headers.get("X-Amz-Target", "").rpartition(".")[2]
        fault = weather.fault_of(self.weather, service, action, self._dice.roll(f"fault-{service}"))
        params = json.loads(request.get_data() or b"{}") if service == "dynamodb" else {}
        if fault:
            self._faults[fault.code] += 1
        if fault and not fault.after:
            return weather.refusal(service, fault, params)
        lags = service == "dynamodb" and self.weather.stale_most_s
        answer = self._dynamodb(action, params, request) if lags else super().answer(service, request)
        return weather.refusal(service, fault, params) if fault else answer

    def _dynamodb(self, action: str, params: dict[str, Any], request: Request) -> Answer:
        with self._dynamodb_lock:
            if weather.is_stale(action, params):
                for name in params.get("RequestItems") or [params["TableName"]]:
                    self._replicate(name)
            answer = super().answer("dynamodb", request)
            if answer[0] == 200:
                for table, attributes in weather.writes_of(action, params):
                    seconds = self.weather.stale_most_s * self._dice.roll("stale")
                    self._later(seconds, lambda t=table, a=attributes: self._catch_up(t, a))
        return answer

    def _replicate(self, name: str) -> Any:
        """The replica's table, made when it is first asked for."""
        source = dynamodb_backends[ACCOUNT][REGION].tables.get(name)
        if source is not None and name not in self._replica.tables:
            twin = copy.copy(source)
            twin.items = defaultdict(dict)
            self._replica.tables[name] = twin
        return self._replica.tables.get(name)

    def _catch_up(self, name: str, attributes: dict[str, Any]) -> None:
        """Bring what the table holds now under one key to the replica."""
        with self._dynamodb_lock:
            source, twin = dynamodb_backends[ACCOUNT][REGION].tables.get(name), self._replicate(name)
            if source is not None and self.weather.stale_most_s:
                key = item_key(source, attributes)
                put_back(twin, *key, copy.deepcopy(source.get_item(*key)))


def _deliver_badly(stormy: StormyAws, dice: Dice, later: Later, faults: Counter[str]) -> None:
    """From now on SNS is late and asks for policies, SQS changes the order, and both say some things twice."""
    publish, add = Subscription.publish, Queue.add_message
    held: defaultdict[str, list[Message]] = defaultdict(list)

    def deliver(self: Subscription, message: str, *args: Any, **kwargs: Any) -> None:
        now = stormy.weather
        queue = sqs_backends[ACCOUNT][REGION].queues.get(self.endpoint.rpartition(":")[2])
        if queue is not None and not weather.allows(queue.policy, self.endpoint, self.topic.arn):
            faults["deliveries refused by policy"] += 1
            log.error("queue %s has no policy for topic %s: not delivered", self.endpoint, self.topic.arn)
            return
        times = 2 if dice.roll("sns-duplicate") < now.duplicates else 1
        faults["deliveries repeated"] += times - 1
        for _ in range(times):
            seconds = now.sns_delay_s(message, dice.roll("sns-delay"))
            later(seconds, lambda: publish(self, message, *args, **kwargs))

    def enqueue(self: Queue, message: Message) -> None:
        now = stormy.weather
        arrive(self, message, now)
        if dice.roll("sqs-order") < now.overtaking:
            with self._messages_lock:
                if message in self._messages:
                    self._messages.remove(message)
                    places = 1 + int(dice.roll("sqs-places") * weather.OVERTAKEN_MOST)
                    self._messages.insert(max(0, len(self._messages) - places), message)
        if dice.roll("sqs-duplicate") < now.duplicates:
            faults["messages repeated"] += 1
            twin = copy.copy(message)
            twin._old_receipt_handles = []
            later(now.duplicate_most_s * dice.roll("sqs-again"), lambda: arrive(self, twin, now))

    def arrive(queue: Queue, message: Message, now: Weather) -> None:
        if not now.reversed_s:
            return add(queue, message)
        with queue._messages_lock:
            waiting = held[queue.name]
            waiting.append(message)
            if len(waiting) == 1:
                later(now.reversed_s, lambda: give_out(queue))
        return None

    def give_out(queue: Queue) -> None:
        with queue._messages_lock:
            for message in reversed(held.pop(queue.name)):
                add(queue, message)

    Subscription.publish = deliver
    Queue.add_message = enqueue
