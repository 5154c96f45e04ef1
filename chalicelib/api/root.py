"""What clients ask before they know anything: where the parts of the platform are, and which API this is."""

from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.contracts.components import VERSION

endpoints = Endpoints(__name__)

#: Of Cloud Foundry's API. Clients switch features on by it: 3.211 is the first whose ``cf apps`` takes processes with
#: ``embed=process_instances``; from 3.224 on cf would ask for route policies, which there are not here.
API_VERSION = "3.211.0"
#: Of the Open Service Broker API.
OSB_VERSION = "2.15"

#: Links of ``GET /v3``: v7 of cf finds every resource by them.
RESOURCES = (
    "app_usage_events",
    "apps",
    "audit_events",
    "buildpacks",
    "builds",
    "deployments",
    "domains",
    "droplets",
    "environment_variable_groups",
    "feature_flags",
    "info",
    "isolation_segments",
    "jobs",
    "organization_quotas",
    "organizations",
    "packages",
    "processes",
    "resource_matches",
    "roles",
    "routes",
    "security_groups",
    "service_brokers",
    "service_credential_bindings",
    "service_instances",
    "service_offerings",
    "service_plans",
    "service_route_bindings",
    "service_usage_events",
    "space_quotas",
    "spaces",
    "stacks",
    "tasks",
    "users",
)

#: What this platform does not have; clients expect the names all the same. (``app_ssh`` they look for.)
ABSENT = (
    "bits_service",
    "cloud_controller_v2",
    "credhub",
    "log_stream",
    "logging",
    "network_policy_v0",
)


@endpoints("GET", "/")
def index(request: Request) -> Answer:
    """Everything is on the host that was asked: other names of ours may be unknown to the caller's resolver."""
    own = {"href": request.base}
    links = {
        "self": own,
        "cloud_controller_v3": {"href": f"{request.base}/v3", "meta": {"version": API_VERSION}},
        "login": own,
        "uaa": own,
        "log_cache": own,
        "network_policy_v1": {"href": f"{request.base}/networking/v1/external"},
        "routing": {"href": f"{request.base}/routing"},
    }
    return Answer({"links": links | dict.fromkeys(ABSENT)})


@endpoints("GET", "/v3")
def version_three(request: Request) -> Answer:
    base = f"{request.base}/v3"
    return Answer({"links": {"self": {"href": base}} | {name: {"href": f"{base}/{name}"} for name in RESOURCES}})


@endpoints("GET", "/v3/info")
def info(request: Request) -> Answer:
    return Answer(
        {
            "name": "zerofoundry",
            "build": VERSION,
            "version": 0,
            "description": "An open Platform as a Service with a control plane made of functions",
            "cli_version": {"minimum": "", "recommended": ""},
            "osbapi_version": OSB_VERSION,
            "custom": {},
            "links": {"self": {"href": f"{request.base}/v3/info"}, "support": {"href": ""}},
        }
    )
