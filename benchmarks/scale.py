"""The deciding parts at 1,000 DEAs and 250,000 instances: full sweep, auctions, start messages (`make bench-scale`).

Nothing here waits for a network but the last figure: they say what the decisions cost, not what an installation does.
"""

import math
import os
import random
import statistics
import threading
import time
import uuid
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.recorded import Recorded, Size, instead_of_dynamodb
from benchmarks.report import ROUNDS, Figure, timed
from benchmarks.stand_ins import world_of
from chalicelib.adapters.bus import Bus
from chalicelib.adapters.inbox import Inbox
from chalicelib.config import from_env
from chalicelib.contracts.auction import INSTANCE, Bid, Discover, HealthCheck, Limits, Offer, Start, Wanted
from chalicelib.contracts.envelope import Envelope
from chalicelib.core import taint
from chalicelib.core.auction import choose
from chalicelib.core.timers import Timers
from chalicelib.services.health import full, rows
from chalicelib.services.health.packed import unpack
from chalicelib.services.health.world import HealthWorld
from chalicelib.tables import presence
from chalicelib.tables.running import DESIRED_SHARDS
from tests.support.platform import a_platform

SIZE = Size(deas=1_000, instances=250_000)
#: Latencies of SNS and of SQS with Lambda, ms: median and 99th percentile, eu-west-1, September 2022
#: (bitesizedserverless.com, "Serverless Messaging: Latency Compared").
SNS_MS, SQS_MS = (73.0, 225.0), (16.2, 105.0)
#: Instances per auction and auctions per figure; hosts of 64 GB, half full on average; instances of 1 GB.
WANTED, AUCTIONS = 20, 40
HOST_MB, INSTANCE_MB = 65_536, 1_024
#: Hosts that an auction would ask if it asked only some.
DRAWN = 20
#: Messages through the local bus, from so many senders.
STARTS, SENDERS = 400, 4


def run() -> list[Figure]:
    return [*_sweeps(), *_auctions("all are asked", SIZE.deas), *_auctions(f"{DRAWN} are asked", DRAWN), _bus()]


# -- the full sweep ---------------------------------------------------------------------------------------------------


def _sweeps() -> list[Figure]:
    now = time.time()
    recorded = Recorded(SIZE, now)
    config = from_env({"ZF_PREFIX": "zf", "ZF_PROFILE": "cloud"})
    world = HealthWorld(config, Bus("hm", config.prefix), lambda hosts: set())

    def sweep(shards: Sequence[int]) -> None:
        counts = full.sweep(world, lambda: now, shards)
        assert counts.processes, "nothing was swept"
        assert not counts.drifting, counts

    with instead_of_dynamodb(recorded):
        before = _resident_mb()
        held = full._what_runs(found := rows.all_hosts(), presence.hearing(), now, config.timers)
        memory = _resident_mb() - before
        assert len(held) == DESIRED_SHARDS, "not all shards run anything"
        del held, found
        recorded.calls = 0
        hosts = [timed(lambda: [unpack(row) for row in rows.all_hosts()]) for _ in range(3)]
        calls = recorded.calls // 3
        shards = [timed(lambda: sweep([shard])) for shard in range(DESIRED_SHARDS)]  # noqa: B023 (called at once)
        whole = [timed(lambda: sweep(range(DESIRED_SHARDS))) for _ in range(2)]
    size = f"{SIZE.deas:,} hosts, {SIZE.instances:,} instances, {SIZE.processes:,} processes"
    return [
        Figure("read all hosts' rows", "s", hosts, note=f"{size}; {calls} pages"),
        Figure("... per instance", "us", [took / SIZE.instances * 1e6 for took in hosts]),
        Figure("... and held for a sweep, memory", "MB", [memory]),
        Figure("full sweep of one shard of 16", "s", shards, note="max: the slowest shard; each reads all hosts"),
        Figure("full sweep, all shards in one", "s", whole),
    ]


def _resident_mb() -> float:
    pages = int(Path("/proc/self/statm").read_text().split()[1])
    return pages * os.sysconf("SC_PAGE_SIZE") / 2**20


# -- auctions ---------------------------------------------------------------------------------------------------------


def _delay_ms(random_: random.Random, percentiles: tuple[float, float]) -> float:
    """Log-normal through the median and the 99th percentile."""
    median, p99 = percentiles
    return random_.lognormvariate(math.log(median), math.log(p99 / median) / statistics.NormalDist().inv_cdf(0.99))


def _auctions(who: str, asked: int) -> list[Figure]:
    """One after the other on the same hosts, whose memory fills as instances are placed."""
    random_, window_ms = random.Random(7), Timers().bid_window_s * 1000
    hosts = {f"dea-{number:04d}": random_.uniform(0, 1) * HOST_MB for number in range(SIZE.deas)}
    before = _uneven(hosts)
    doubled, in_time, decided, speeds, placed = [], [], [], [], 0
    for _ in range(AUCTIONS):
        wants = tuple(Wanted(index, uuid.UUID(int=random_.getrandbits(128)).hex) for index in range(WANTED))
        arrivals = sorted(
            _arrivals(random_, random_.sample(sorted(hosts), asked), hosts, wants), key=lambda each: each[0]
        )
        closes = arrivals[0][0] + window_ms
        bids = [bid for at, bid in arrivals if at <= closes]
        began = time.perf_counter()
        winners = choose(wants, bids)
        speeds.append(len(winners) / (time.perf_counter() - began))
        for bid in winners.values():
            hosts[bid.dea] += INSTANCE_MB
        placed += len(winners)
        doubled.append(float(max(Counter(bid.dea for bid in winners.values()).values())))
        in_time.append(100 * len(bids) / len(arrivals))
        decided.append(closes)
    note = f"{AUCTIONS} auctions of {WANTED} at {SIZE.deas:,} DEAs, window {window_ms:g} ms, decision only"
    spread = f"standard deviation of memory promised: {before:.1f} % before, {_uneven(hosts):.1f} % after {placed}"
    return [
        Figure(f"placements/s, {who}", "/s", speeds, note=note),
        Figure("... of one app on the DEA that has most", "", doubled, note=spread),
        Figure("... bids within the window", "%", in_time),
        Figure("... discover said to decision", "ms", decided, note="drawn latencies, Lambda's own work not counted"),
    ]


def _arrivals(
    random_: random.Random, asked: Sequence[str], hosts: dict[str, float], wants: tuple[Wanted, ...]
) -> list[tuple[float, Bid]]:
    """(ms since the discover was said, bid) of all who can."""
    discover = Discover("auction", INSTANCE, "work", "app", 1, "cflinuxfs4", Limits(INSTANCE_MB, 1024), wants)
    found = []
    for dea in asked:
        host = taint.Host(("cflinuxfs4",), "aarch64", HOST_MB, 10**6, reserved_memory_mb=int(hosts[dea]))
        if room := taint.eligible(host, discover):
            share = hosts[dea] / HOST_MB
            offers = tuple(Offer(want.index, taint.taint(dea, want.instance_guid, 0, share, share)) for want in wants)
            waits = min(offer.taint_ms for offer in offers)
            at = _delay_ms(random_, SNS_MS) + waits + _delay_ms(random_, SQS_MS)
            found.append((at, Bid("auction", INSTANCE, "work", 1, dea, "boot", f"https://sqs/{dea}", room, offers)))
    return found


def _uneven(hosts: dict[str, float]) -> float:
    """Standard deviation of the share of memory that is promised, in percent."""
    return 100 * statistics.pstdev(hosts.values()) / HOST_MB


# -- the local bus ----------------------------------------------------------------------------------------------------


def _bus() -> Figure:
    """Start messages from the CloudController to a host's own queue, until all have been heard."""
    rates = []
    with a_platform(deas=1) as platform:
        bus = world_of(platform).bus
        for number in range(max(3, ROUNDS // 2)):
            inbox = Inbox(bus, f"bench-{number}", (), wait_s=1)
            url = inbox.open()
            left, all_heard = iter(range(STARTS - 1, -1, -1)), threading.Event()

            def hear(envelope: Envelope) -> None:
                if next(left) == 0:  # noqa: B023 (one inbox at a time)
                    all_heard.set()  # noqa: B023

            listener = inbox.start(hear)
            began = time.perf_counter()
            with ThreadPoolExecutor(SENDERS) as senders:
                list(senders.map(lambda n: bus.say(f"url:{url}", "dea.start", _start(n)), range(STARTS)))  # noqa: B023
            assert all_heard.wait(120), "not all starts have come"
            rates.append(STARTS / (time.perf_counter() - began))
            inbox.stop()
            listener.join()
            inbox.close()
    return Figure(
        "start messages through the local bus", "/s", rates, note=f"{STARTS} from {SENDERS} senders to one host"
    )


def _start(index: int) -> Start:
    """As large as they are: with presigned links and signed grants."""
    link = f"https://bucket.s3.amazonaws.com/droplets/{uuid.uuid4()}.tgz?{'x' * 400}"
    guid = str(uuid.uuid4())
    return Start(
        app_guid=guid,
        app_name="bench",
        process_guid=guid,
        process_type="web",
        version=1,
        index=index,
        instance_guid=str(uuid.uuid4()),
        limits=Limits(256, 1024),
        health=HealthCheck(),
        spec_url=link,
        droplet_url=link,
        droplet_digest=f"sha256:{'0' * 64}",
        routes=("bench.apps.example.com",),
        route_grant="x" * 700,
        log_grant="x" * 500,
    )
