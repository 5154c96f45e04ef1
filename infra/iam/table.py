"""Who may do what: every function, by its name, and every kind of host. infra/iam/policies is made of it.

Resources are named as infra/topology.json names them: ``table:apps``, ``queue:cc``, ``dead:cc`` (dead letters),
``topic:dea``, ``blobs`` (the objects) and ``bucket:blobs`` (the bucket); ``queues:dea`` are the queues that DEAs make
at boot, ``secret:signing-key`` is the keys' secret, ``role:dea-joined`` what hosts outside AWS are lent, ``log-group``
the part's own, ``*`` what AWS knows no resource of.

What stands here, recorded calls show (``make iam-check``); what a part needs besides stands in :mod:`infra.iam.unseen`.
"""

from infra.iam.grants import (
    BATCH,
    DELETE,
    KEYS,
    LISTS_BLOBS,
    READ,
    TELLS_HOSTS,
    TOPOLOGY,
    WRITE,
    Grant,
    blobs,
    function,
    host,
    on,
    says,
    sends,
)
from infra.iam.unseen import UNSEEN

#: The HealthManager's own: the actual state.
HEALTH = (
    "components",
    "crash-counts",
    "deas",
    "health-state",
    "instances",
    "usage",
)
#: The CloudController's: everything else.
CONTROL = tuple(sorted(set(TOPOLOGY["tables"]) - set(HEALTH)))

#: What is written with a change and never taken back: who has done what, and what is billed.
LEDGER = ("audit-events", "usage-events")
#: A message that is owed goes with the change that owes it.
OWED = ("outbox",)
#: What the run specification of a process is made of: its environment, services, sidecars and network. Whatever ends a
#: deployment starts the processes of other types than web.
RUN_SPEC = (
    "isolation-segments network-policies organizations secrets security-groups service-bindings service-instances "
    "service-offerings service-plans sidecars"
)

API = (
    on(
        READ,
        "apps audit-events buildpacks builds clients components counters deas deployments domains "
        "droplets health-state instances isolation-segments jobs joined-hosts login-attempts members names "
        "network-policies organization-quotas organizations packages placements pool processes refresh-tokens "
        "revisions revoked-tokens roles route-bindings routes secrets security-groups "
        "service-bindings service-brokers service-instances service-offerings service-plans "
        "settings sidecars space-quotas spaces stacks task-counts tasks usage usage-events users",
    ),
    on(
        WRITE,
        "apps auctions buildpacks builds clients counters deployments domains droplets due "
        "isolation-segments jobs joined-hosts login-attempts members names network-policies organization-quotas "
        "organizations packages placements pool processes refresh-tokens revisions revoked-tokens "
        "roles route-bindings routes secrets security-groups service-bindings service-brokers "
        "service-instances service-offerings service-orphans service-plans settings sidecars "
        "space-quotas spaces stacks task-counts tasks users",
        *LEDGER,
        *OWED,
    ),
    on(
        DELETE,
        "clients due isolation-segments members names network-policies organization-quotas "
        "placements processes revisions roles route-bindings routes secrets security-groups "
        "service-bindings service-instances service-offerings service-plans sidecars space-quotas "
        "stacks tasks users",
        *OWED,
    ),
    # Usage is begun anew when an operator purges it.
    on(BATCH, "placements usage-events"),
    says("components", "dea", "routes"),
    sends("beats", "cc", "hm", "jobs"),
    TELLS_HOSTS,
    blobs("AbortMultipartUpload", "DeleteObject", "GetObject", "PutObject"),
    LISTS_BLOBS,
    KEYS,
    Grant(("secretsmanager:PutSecretValue", "secretsmanager:UpdateSecretVersionStage"), ("secret:signing-key",)),
    # Operators list dead letters, send them again, and drop them.
    Grant(
        (
            "sqs:ChangeMessageVisibility",
            "sqs:DeleteMessage",
            "sqs:GetQueueAttributes",
            "sqs:GetQueueUrl",
            "sqs:ReceiveMessage",
        ),
        tuple(f"dead:{queue}" for queue in TOPOLOGY["queues"]),
    ),
    # Hosts that AWS does not run have their credentials from the API.
    Grant(("sts:AssumeRole",), ("role:dea-joined",)),
    *function(),
)

#: Auctions, starts, crashes, builds and tasks that have ended, deployments that go on.
INBOX = (
    on(
        READ,
        "apps auctions bids buildpacks builds counters deas deployments droplets members packages "
        "placements processes revisions routes spaces tasks",
        RUN_SPEC,
    ),
    on(
        WRITE,
        "apps auctions bids builds counters deployments droplets due jobs members placements processes tasks",
        *LEDGER,
        *OWED,
    ),
    on(DELETE, "due members names placements processes", *OWED),
    on(BATCH, "placements"),
    says("dea", "routes"),
    sends("cc", "hm", "jobs"),
    TELLS_HOSTS,
    blobs("DeleteObject", "GetObject", "PutObject"),
    LISTS_BLOBS,
    KEYS,
    *function("cc"),
)

#: Whatever takes long: uploads and copies, brokers, everything that goes with an app, a space or an organization.
JOBS = (
    on(
        READ,
        "apps buildpacks builds counters deployments domains droplets jobs members names "
        "network-policies organizations packages placements pool processes revisions roles routes "
        "secrets security-groups service-bindings service-brokers service-instances "
        "service-offerings service-orphans service-plans sidecars space-quotas spaces stacks tasks",
    ),
    on(
        WRITE,
        "buildpacks builds counters domains droplets due jobs members names packages pool "
        "processes routes secrets security-groups service-bindings service-brokers "
        "service-instances service-offerings service-orphans service-plans",
        *LEDGER,
        *OWED,
    ),
    on(
        DELETE,
        "apps buildpacks builds counters deployments domains droplets due members names "
        "network-policies organizations packages placements processes revisions roles routes "
        "secrets service-bindings service-brokers service-instances service-offerings "
        "service-orphans service-plans sidecars space-quotas spaces task-counts tasks",
        *OWED,
    ),
    on(BATCH, "placements"),
    says("dea", "routes"),
    sends("hm", "jobs"),
    blobs("DeleteObject", "GetObject", "PutObject"),
    LISTS_BLOBS,
    *function("jobs"),
)

#: What is still owed, what is past its deadline, deployments.
SWEEP = (
    on(
        READ,
        "apps builds counters deas deployments droplets due jobs members packages placements "
        "processes revisions routes service-brokers service-instances service-orphans settings spaces "
        "tasks",
        RUN_SPEC,
        *OWED,
    ),
    on(
        WRITE,
        "apps auctions builds counters deployments droplets due jobs members packages placements "
        "processes service-instances service-orphans settings tasks",
        *LEDGER,
        *OWED,
    ),
    on(DELETE, "due members names placements processes secrets tasks", *OWED),
    on(BATCH, "placements"),
    says("dea", "routes"),
    sends("cc", "hm", "jobs"),
    TELLS_HOSTS,
    blobs("DeleteObject", "PutObject"),
    LISTS_BLOBS,
    KEYS,
    *function(),
)

HM_INBOX = (
    on(READ, "crash-counts deas health-state instances placements processes"),
    on(WRITE, "components crash-counts deas health-state instances usage"),
    on(DELETE, "deas instances usage"),
    sends("cc"),
    # No function is called by queue `beats`: quick sweeps, which ride on a message of queue `hm`, empty it.
    Grant(("sqs:DeleteMessage", "sqs:GetQueueUrl", "sqs:ReceiveMessage"), ("queue:beats",)),
    *function("hm"),
)
HM_QUICK_SWEEP = (sends("hm"), *function())
HM_FULL_SWEEP = (
    on(READ, "crash-counts deas health-state instances members placements processes"),
    sends("cc"),
    *function(),
)

#: Hosts have no database, no blobs and no secrets.
DEA = (*host("dea", "components", "dea"), sends("beats", "cc", "hm"), says("components", "routes"))
ROUTER = (*host("router", "components", "routes"), says("components"))

#: What recorded calls show: part -> what it may do.
SEEN: dict[str, tuple[Grant, ...]] = {
    "api_handler": API,
    "cc_inbox": INBOX,
    "cc_jobs": JOBS,
    "cc_sweep": SWEEP,
    "hm_inbox": HM_INBOX,
    "hm_quick_sweep": HM_QUICK_SWEEP,
    "hm_full_sweep": HM_FULL_SWEEP,
    "dea": DEA,
    "router": ROUTER,
}
#: The whole of it.
PARTS = {part: (*grants, *UNSEEN.get(part, ())) for part, grants in SEEN.items()}

#: Function, as Chalice packages it -> the part whose policy its role has. Each is a part of its own.
FUNCTIONS = {part: part for part in PARTS if part not in ("dea", "router")}
