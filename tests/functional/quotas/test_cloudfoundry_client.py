"""Cloud Foundry's Python client, unmodified: its managers of quotas, security groups, flags, events and policies."""

from cloudfoundry_client.client import CloudFoundryClient
from cloudfoundry_client.networking.v1.external.policies import Policy
from cloudfoundry_client.v3.entities import ToManyRelationship, ToOneRelationship
from cloudfoundry_client.v3.organization_quotas import AppsQuota, DomainsQuota, RoutesQuota, ServicesQuota
from cloudfoundry_client.v3.security_groups import GloballyEnabled, Rule, RuleProtocol

from tests.functional.identity.test_cloudfoundry_client import address, client  # noqa: F401  fixtures
from tests.functional.quotas.conftest import Tenant


def test_it_makes_gives_and_removes_an_organizations_quota(client: CloudFoundryClient, tenant: Tenant) -> None:  # noqa: F811
    quotas = client.v3.organization_quotas
    made = quotas.create(
        "small",
        AppsQuota(1024, 512, 10, 3),
        ServicesQuota(True, 4, 5),
        RoutesQuota(6, 7),
        DomainsQuota(8),
        ToManyRelationship(tenant.org),
    )
    assert made["relationships"]["organizations"]["data"] == [{"guid": tenant.org}]
    assert quotas.update(made["guid"], "smaller", AppsQuota(512, 512, 10, 3))["apps"]["total_memory_in_mb"] == 512
    assert [quota["name"] for quota in quotas.list(organization_guids=tenant.org)] == ["smaller"]
    default = quotas.get_first(names="default")
    assert quotas.apply_to_organizations(default["guid"], ToManyRelationship(tenant.org)).guids == [tenant.org]
    assert client.v3.organizations.get_usage_summary(tenant.org)["usage_summary"]["memory_in_mb"] == 0
    quotas.remove(made["guid"], asynchronous=False)
    assert len(quotas) == 1


def test_it_makes_binds_and_removes_a_security_group(client: CloudFoundryClient, space: str) -> None:  # noqa: F811
    groups = client.v3.security_groups
    rules = [
        Rule(RuleProtocol.TCP, "10.0.0.0/8", ports="443"),
        Rule(RuleProtocol.ICMP, "10.0.0.1", type=0, code=0),
        Rule(RuleProtocol.ALL, "10.1.0.0-10.2.0.0", description="all of it", log=True),
    ]
    made = groups.create("inside", rules, GloballyEnabled(staging=True), running_spaces=ToManyRelationship(space))
    assert [rule["protocol"] for rule in made["rules"]] == ["tcp", "icmp", "all"]
    assert groups.update(made["guid"], name="inner")["name"] == "inner"
    bound = groups.bind_staging_security_group_to_spaces(made["guid"], ToManyRelationship(space))
    assert bound.guids == [space]
    groups.unbind_running_security_group_from_space(made["guid"], ToOneRelationship(space))
    assert groups.get(made["guid"])["relationships"]["running_spaces"]["data"] == []
    groups.remove(made["guid"], asynchronous=False)
    assert list(groups) == []


def test_it_reads_and_changes_flags_and_reads_events(client: CloudFoundryClient) -> None:  # noqa: F811
    assert client.v3.feature_flags.update("diego_docker")["enabled"] is True
    assert client.v3.feature_flags.get("diego_docker")["custom_error_message"] is None
    assert {flag["name"] for flag in client.v3.feature_flags if flag["enabled"]} >= {"diego_docker", "app_scaling"}
    event = client.v3.audit_events.get_first(types="audit.space.create")
    assert client.v3.audit_events.get(event["guid"]) == event
    assert len(client.v3.audit_events) >= 2


def test_it_reads_network_policies(client: CloudFoundryClient, tenant: Tenant) -> None:  # noqa: F811
    one, other = tenant.app("one"), tenant.app("other")
    policy = Policy(one, other, "tcp", 8080, 8080)
    # Its own ``create`` expects an entity, where Cloud Foundry answers an empty object as we do.
    assert tenant.api.post("/networking/v1/external/policies", json={"policies": [policy.dump()]}).status == 200
    found = [(item["source"]["id"], item["destination"]) for item in client.networking_v1_external.policies]
    assert found == [(one, policy.destination)]
