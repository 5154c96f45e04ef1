"""Bodies that make what is asked for, where the body says in which space or organization that is to be."""

from typing import Any

from tests.functional.api.whole import Whole


def bodies(whole: Whole) -> dict[str, Any]:
    """``POST /v3/apps`` -> a body."""

    def to(**ends: str) -> dict[str, Any]:
        return {"relationships": {name: {"data": {"guid": whole.guids[kind]}} for name, kind in ends.items()}}

    user = {"data": {"guid": whole.callers["organization_user"].user_guid}}
    role = {"type": "space_auditor", "relationships": {"user": user} | to(space="spaces")["relationships"]}
    ours, here = [{"guid": whole.guids["organizations"]}], [{"guid": whole.guids["spaces"]}]
    broker = {
        "name": "another",
        "url": "https://broker.example",
        "authentication": {"type": "basic", "credentials": {"username": "u", "password": "p"}},
    }
    policy = {
        "source": {"id": whole.guids["apps"]},
        "destination": {"id": whole.guids["apps"], "protocol": "tcp", "ports": {"start": 8080, "end": 8080}},
    }
    checksum = {"value": "0" * 40}
    return {
        "POST /hosts/credentials": {"id": whole.guids["joined_hosts"], "secret": "wrong"},
        "POST /hosts/join": {"token": f"zfjoin.{whole.guids['joined_hosts']}.wrong"},
        "POST /v3/apps": {"name": "another", **to(space="spaces")},
        "POST /v3/builds": {"package": {"guid": whole.guids["packages"]}},
        "POST /v3/deployments": to(app="apps"),
        "POST /v3/domains": {"name": "another.example", **to(organization="organizations")},
        "POST /v3/droplets": to(app="apps"),
        "POST /v3/packages": {"type": "bits", **to(app="apps")},
        "POST /v3/resource_matches": {"resources": [{"checksum": checksum, "size_in_bytes": 1}]},
        "POST /v3/roles": role,
        "POST /v3/routes": {"host": "another", **to(space="spaces", domain="domains")},
        "POST /v3/service_brokers": broker | to(space="spaces"),
        "POST /v3/service_credential_bindings": {"type": "key", "name": "k", **to(service_instance="managed")},
        "POST /v3/service_instances": {"type": "user-provided", "name": "another", **to(space="spaces")},
        "POST /v3/service_route_bindings": to(service_instance="route_service", route="unbound_route"),
        "POST /v3/space_quotas": {"name": "another", **to(organization="organizations")},
        "POST /v3/spaces": {"name": "another", **to(organization="organizations")},
        "POST /networking/v1/external/policies": {"policies": [policy]},
        "POST /networking/v1/external/policies/delete": {"policies": [policy]},
        "POST /internal/uploads": {"kind": "packages", "guid": whole.guids["packages"], "content_length": 1},
        "POST /v3/isolation_segments/{guid}/relationships/organizations": {"data": ours},
        "POST /v3/security_groups/{guid}/relationships/running_spaces": {"data": here},
        "POST /v3/security_groups/{guid}/relationships/staging_spaces": {"data": here},
        "PUT /Users/{guid}/password": {"password": "another good one", "oldPassword": "none"},
    }
