"""Every interval of the system in one place: a profile for the cloud, a faster one for one machine.

``ZF_PROFILE`` chooses (``cloud`` or ``local``); ``ZF_<FIELD NAME>`` in seconds overrides one, for example
``ZF_HEARTBEAT_S=5``. Sources of the constants: the 2011 system (heartbeat 10 s, prune 120 s, taint cap 250 ms,
crashed instances kept 1 h, stable state, flapping of 2012) and the architecture.
"""

from collections.abc import Mapping
from dataclasses import fields, replace

from chalicelib.contracts.frozen import frozen
from chalicelib.core.known_variables import refuse_unknown


@frozen
class Timers:
    """Seconds, unless the name says otherwise. Defaults are the cloud's."""

    heartbeat_s: float = 10
    #: Usage samples in a heartbeat, and how often a DEA samples.
    usage_interval_s: float = 30
    sample_s: float = 2
    #: Heartbeats that may be missed before a host is silent.
    lost_after_s: float = 30
    #: How often a schedule fires; EventBridge's shortest rate is a minute. HM spreads its quick sweeps over it.
    schedule_s: float = 60
    quick_sweep_s: float = 10
    full_sweep_s: float = 60
    #: After a change of an app HM waits this long before it calls an index missing.
    stable_s: float = 60
    #: An HM that has just learned of something waits this long before it stops what it does not know.
    unknown_grace_s: float = 120
    #: The window in which bids are compared, from the first one on.
    bid_window_s: float = 0.3
    #: No bid until then: the auction is held again, with back-off up to the cap.
    bid_deadline_s: float = 5
    bid_retry_cap_s: float = 30
    #: A claim whose start is not heard of within the start timeout plus this is reopened.
    claim_grace_s: float = 30
    outbox_resend_s: float = 5
    #: Full registration of a DEA's routes; entry pruned when not repeated; guid remembered after unregister.
    register_s: float = 20
    prune_s: float = 120
    tombstone_s: float = 240
    #: How often a router says that it is there: every DEA hears it, and forgets it after three times that.
    router_start_s: float = 90
    #: Between unregister and SIGTERM; between SIGTERM and SIGKILL.
    route_settle_s: float = 3
    stop_grace_s: float = 10
    log_flush_s: float = 0.2
    #: What an instance uses goes into its app's log so often.
    gauge_s: float = 15
    #: How long a router goes by what it knows of an app's log drains.
    drains_known_s: float = 60
    crashed_kept_s: float = 3600
    #: A host port is not used again within twice the prune time.
    port_quarantine_s: float = 240
    drain_deadline_s: float = 300
    staging_timeout_s: float = 900
    #: A deployment whose new version makes no progress within its health timeout plus this is taken back.
    deployment_patience_s: float = 120
    #: A task that finds no place in this time has failed; one that runs is looked after so often.
    task_pending_s: float = 1800
    task_check_s: float = 60
    #: How long a service broker may take to answer, and how often it is asked for the end of what goes on.
    broker_timeout_s: float = 60
    broker_poll_s: float = 15
    #: What a broker may hold that nobody has is asked back after this, then 2^n times it up to an hour.
    orphan_retry_s: float = 60
    #: Flapping: this many crashes within the window restart at once; then 2^n times the delay up to the cap.
    flapping_free_crashes: float = 3
    flapping_window_s: float = 180
    flapping_delay_s: float = 30
    flapping_cap_s: float = 480


LOCAL = Timers(
    heartbeat_s=2,
    usage_interval_s=4,
    sample_s=1,
    lost_after_s=6,
    schedule_s=1,
    quick_sweep_s=1,
    full_sweep_s=5,
    stable_s=8,
    unknown_grace_s=15,
    bid_window_s=0.03,
    bid_deadline_s=2,
    bid_retry_cap_s=8,
    claim_grace_s=10,
    outbox_resend_s=5,
    register_s=20,
    router_start_s=10,
    route_settle_s=0.3,
    gauge_s=5,
    drains_known_s=10,
    drain_deadline_s=60,
    deployment_patience_s=30,
    task_pending_s=120,
    task_check_s=10,
    broker_poll_s=1,
    orphan_retry_s=5,
    flapping_delay_s=4,
    flapping_cap_s=30,
    flapping_window_s=60,
)


#: By which variable each is overridden.
VARIABLES = {f"ZF_{field.name.upper()}": field.name for field in fields(Timers)}


def from_env(env: Mapping[str, str]) -> Timers:
    """Raises ValueError, naming the variable, when a value is not a number above zero or breaks an invariant.

    Where the profile is said to be the cloud's, also for one beginning with ``ZF_`` that nothing reads: nobody stands
    beside a function or a host who would notice that a setting does nothing.
    """
    if env.get("ZF_PROFILE") == "cloud":
        refuse_unknown(env, frozenset(VARIABLES))
    profile = env.get("ZF_PROFILE", "cloud")
    if profile not in ("cloud", "local"):
        raise ValueError(f"ZF_PROFILE is {profile!r}; it can be cloud or local")
    timers = LOCAL if profile == "local" else Timers()
    for name, field in VARIABLES.items():
        if name in env:
            try:
                value = float(env[name])
            except ValueError:
                raise ValueError(f"{name} is {env[name]!r}; it must be a number of seconds") from None
            if value <= 0:
                raise ValueError(f"{name} is {env[name]}; it must be above zero")
            timers = replace(timers, **{field: value})
    if timers.port_quarantine_s < 2 * timers.prune_s:
        raise ValueError(
            f"ZF_PORT_QUARANTINE_S is {timers.port_quarantine_s:g}; it must be at least twice ZF_PRUNE_S "
            f"({timers.prune_s:g}), or a router may send an app's requests to whoever has its port now"
        )
    if timers.register_s > timers.prune_s / 3:
        raise ValueError(
            f"ZF_REGISTER_S is {timers.register_s:g}; it must be a third of ZF_PRUNE_S ({timers.prune_s:g}) at most, "
            "or routers forget a host of which two lists are late"
        )
    return timers
