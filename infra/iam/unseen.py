"""The exceptions: what a part needs and no test of ours makes it ask for, each with the reason."""

from infra.iam.grants import DELETE, KEYS, READ, TELLS_HOSTS, WRITE, Grant, blobs, on, says, sends

APP_GOES = "an app is deleted while a task of it runs, or with a route that many processes serve"
ROUTE_GOES = "a route with a route service is deleted"
ROUTE_SERVICE = "the broker of a route service is slow to bind or to unbind"
LOST = "the worker of a broker's operation was lost"

UNSEEN: dict[str, tuple[Grant, ...]] = {
    "api_handler": (on(DELETE, "deployments", unseen="of an app's deployments the newest 100 are kept"),),
    "cc_inbox": (says("components", unseen="hm.resync: all hosts are to speak, after an outage of the bus"),),
    "cc_jobs": (
        on(READ, "organization-quotas", unseen="the API's own call of the job died, or many hold the quota"),
        on(READ, "route-bindings", unseen=ROUTE_SERVICE),
        on(WRITE, "route-bindings", unseen=ROUTE_SERVICE),
        on(DELETE, "route-bindings", unseen=ROUTE_GOES),
        Grant(TELLS_HOSTS.actions, TELLS_HOSTS.resources, unseen=APP_GOES),
        on(WRITE, "tasks", unseen=APP_GOES),
        sends("cc", unseen=APP_GOES),
        blobs("AbortMultipartUpload", unseen="the assembly of a package fails after its first 8 MiB"),
        Grant(KEYS.actions, KEYS.resources, unseen="on one machine the functions share a process, and the keys it has"),
    ),
    "cc_sweep": (
        on(READ, "route-bindings", unseen=LOST),
        on(WRITE, "route-bindings service-bindings", unseen=LOST),
        on(DELETE, "service-orphans", unseen="its broker is gone, so that nobody can be asked any more"),
    ),
    "hm_inbox": (
        Grant(
            ("ec2:DescribeInstances",),
            ("*",),
            reason="describing knows no resource",
            unseen="EC2 is asked when many hosts are silent at once; the local cloud has none",
        ),
    ),
}
