from typing import Any

import pytest

from chalicelib.core.manifest import ManifestRefused, parse
from chalicelib.core.manifest_parts import DockerSpec, Parts, RouteSpec, ServiceSpec, SidecarSpec


def one(text: str) -> Any:
    (spec,) = parse(f"applications:\n- {{name: shop, {text}}}")
    return spec


def mistakes(text: str) -> list[str]:
    with pytest.raises(ManifestRefused) as refused:
        parse(f"applications:\n- {{name: shop, {text}}}")
    assert all(detail.startswith("For application 'shop': ") for detail in refused.value.details)
    return [detail.removeprefix("For application 'shop': ") for detail in refused.value.details]


def test_a_bare_app_says_nothing() -> None:
    (spec,) = parse("applications: [{name: shop}]")
    assert (spec.processes, spec.buildpacks, spec.stack, spec.parts) == ((), None, None, Parts())


def test_keys_may_be_written_with_dashes_or_underscores() -> None:
    for text in ("disk-quota: 1G, no-route: true", "disk_quota: 1G, no_route: true"):
        spec = one(text)
        assert spec.processes[0].changes == {"disk_mb": 1024}
        assert spec.no_route


def test_the_list_of_processes_wins_over_the_apps_own_keys() -> None:
    spec = one("memory: 1G, instances: 2, processes: [{type: web, memory: 2G}, {type: worker}]")
    web, worker = spec.processes
    assert (web.type, web.changes) == ("web", {"memory_mb": 2048, "instances": 2})
    assert (worker.type, worker.changes) == ("worker", {})


@pytest.mark.parametrize("text", ["buildpacks: []", "buildpack: null", "buildpack: default"])
def test_no_buildpacks_means_detection(text: str) -> None:
    assert one(text).buildpacks == ()


def test_values_of_variables_become_texts() -> None:
    assert one("env: {A: 1, B: true, C: [x], D: null, E: 2026-01-02}").env == {
        "A": "1",
        "B": "true",
        "C": '["x"]',
        "E": "2026-01-02",
    }


def test_routes_are_lower_case_hosts_with_their_paths() -> None:
    said = "routes: [{route: WWW.Example.org/Path}, {route: 'https://a.b/', protocol: http2}, {route: a.b}]"
    assert one(said).parts.routes == (RouteSpec("www.example.org/Path"), RouteSpec("a.b", "http2"))
    balanced = one("routes: [{route: a.b, options: {loadbalancing: least-connection}}]").parts.routes[0]
    assert balanced.options == {"loadbalancing": "least-connection"}


def test_services_sidecars_features_and_docker_are_read() -> None:
    parts = one("services: [db, {name: mq, binding_name: q, parameters: {a: 1}}, db]").parts
    assert parts.services == (ServiceSpec("db"), ServiceSpec("mq", "q", {"a": 1}))
    parts = one("sidecars: [{name: a, command: run, process_types: [web, web], memory: 64M}]").parts
    assert parts.sidecars == (SidecarSpec("a", "run", ("web",), 64),)
    assert one("features: {ssh: true, revisions: false}").parts.features == {"ssh": True, "revisions": False}
    docker = one("docker: {image: nginx, username: u}").parts.docker
    assert docker == DockerSpec("nginx", "u")


def test_keys_that_do_nothing_here_are_warned_of() -> None:
    (warning,) = one("cnb-credentials: {x: y}").warnings
    assert warning.startswith("For application 'shop': the key 'cnb-credentials' was ignored")


def test_a_process_runs_as_the_one_user_that_there_is() -> None:
    assert one("user: vcap, processes: [{type: web, user: vcap}]").warnings == ()
    invalid = "User invalid (requested user 'root' not allowed, permitted users are: 'vcap')"
    assert mistakes("user: root") == [invalid]
    assert mistakes("processes: [{type: web, user: root}]") == [f'Process "web": {invalid}']
    assert mistakes("user: [vcap]") == ["User must be a string"]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("memory: 1", "Memory must use a supported unit: B, K, KB, M, MB, G, GB, T, or TB"),
        ("memory: 99999G", "Memory must be less than or equal to 1048576MB"),
        ("instances: many", "Instances must be an integer"),
        ("instances: 1.5", "Instances must be an integer"),
        ("instances: -1", "Instances must be greater than or equal to 0"),
        ("instances: 99999999999999999999", "Instances must be less than or equal to 1000"),
        ("timeout: 0", "Timeout must be greater than or equal to 1"),
        ("command: [a]", "Command must be a string"),
        ("command: ''", "Command must be between 1 and 4096 characters"),
        ("health-check-type: magic", 'Health check type must be "port", "process", or "http"'),
        (
            "health-check-type: http, health-check-http-endpoint: up",
            "Health check http endpoint must be a valid URI path",
        ),
        (
            "health-check-type: port, health-check-http-endpoint: /up",
            'Health check type must be "http" to set a health check HTTP endpoint',
        ),
        (
            "log-rate-limit-per-second: fast",
            "Log rate limit per second must use a supported unit: B, K, KB, M, MB, G, GB, T, or TB",
        ),
        ("buildpacks: [7]", "Buildpacks must be an array of strings"),
        ("buildpack: python, buildpacks: [python]", "Buildpack and Buildpacks fields cannot be used together."),
        ("buildpacks: [cobol/x]", 'Buildpack "cobol/x" must be an existing admin buildpack or a valid git URI'),
        ("buildpacks: ['co bol']", 'Buildpack "co bol" must be an existing admin buildpack or a valid git URI'),
        ("docker: {image: nginx}, buildpack: ruby", "Cannot specify both buildpack(s) and docker keys"),
        ("docker: nginx", "Docker must be an object with an image"),
        ("docker: {}", "Docker image can't be blank"),
        ("lifecycle: docker", "Docker image can't be blank"),
        ("services: {a: b}", "Services must be a list of service instances"),
        ("services: [7]", "Services must be a list of service instances"),
        ("services: [{name: db, parameters: 7}]", "Services must be a list of service instances"),
        ("services: [{name: db, binding_name: 7}]", "Services must be a list of service instances"),
        ("services: [{name: db, colour: blue}]", "Services must be a list of service instances"),
        ("sidecars: {}", "Sidecars must be an array of sidecar configurations"),
        ("sidecars: [{command: x}]", "Sidecar name can't be blank"),
        ("sidecars: [{name: x, process_types: [web]}]", 'Sidecar "x": Command can\'t be blank'),
        ("sidecars: [{name: x, command: y}]", 'Sidecar "x": Process types must have at least 1 process_type'),
        (
            "sidecars: [{name: x, command: y, process_types: [web], memory: 0M}]",
            'Sidecar "x": Memory must be greater than 0MB',
        ),
        (
            "features: {teleport: true}",
            "Features must be a map of valid feature names to booleans (true = enabled, false = disabled)",
        ),
        (
            "features: {}",
            "Features must be a map of valid feature names to booleans (true = enabled, false = disabled)",
        ),
        ("routes: [{route: a.b, protocol: http3}]", "Route protocol must be 'http1', 'http2' or 'tcp'."),
        ("routes: [{route: a.b, options: 7}]", "Route 'a.b': options must be an object"),
        (
            "routes: [{route: a.b, options: {hash_header: x}}]",
            "Route 'a.b' contains invalid route option 'hash_header'. Valid keys: 'loadbalancing'",
        ),
        (
            "routes: [{route: a.b, options: {loadbalancing: hash}}]",
            "Cannot use loadbalancing value 'hash' for Route 'a.b'; Valid values are: 'round-robin, least-connection'",
        ),
        (
            "routes: [{route: a.b, options: {loadbalancing: 7}}]",
            "Invalid value for 'loadbalancing' for Route 'a.b'; Valid values are: 'round-robin, least-connection'",
        ),
        ("random-route: true, default-route: true", "Random-route and default-route may not be used together"),
        ("env: [A]", "Env must be an object of keys and values"),
        ("env: {VCAP_SERVICES: '{}'}", "Environment variables cannot start with VCAP_"),
        ("routes: www.example.org", "Routes must be a list of route objects"),
        ("routes: [{route: 'ftp://x.y'}]", "The route 'ftp://x.y' is not a properly formed URL"),
        ("routes: [{route: 'x.y:80'}]", "The route 'x.y:80' is not a properly formed URL"),
        ("routes: [{route: 7}]", "The route '7' is not a properly formed URL"),
        ("no-route: yes please", "No-route must be a boolean"),
        ("processes: {web: 1}", "Processes must be an array of process configurations"),
        ("processes: [{memory: 1G}]", "All Processes must specify a type of letters, digits, '.', '_' and '-'"),
        ("processes: [{type: a}, {type: a}]", 'Process "a" may only be present once'),
        (
            "processes: [{type: a, memory: x}]",
            'Process "a": Memory must use a supported unit: B, K, KB, M, MB, G, GB, T, or TB',
        ),
        ("metadata: [a]", "Metadata must be an object"),
        ("metadata: {labels: {'a b': c}}", "Metadata label key error: 'a b' contains invalid characters"),
    ],
)
def test_each_mistake_has_its_sentence(text: str, expected: str) -> None:
    assert mistakes(text) == [expected]


@pytest.mark.parametrize(
    "text",
    [
        "7",
        "[]",
        "{}",
        "applications: {}",
        "applications: []",
        "applications: [null]",
        "applications: [{name: ''}]",
        "applications: [{name: 7}]",
    ],
)
def test_a_manifest_without_named_applications_is_refused(text: str) -> None:
    with pytest.raises(ManifestRefused):
        parse(text)


def test_names_are_unique_whatever_their_case() -> None:
    with pytest.raises(ManifestRefused, match="multiple apps with the same name"):
        parse("applications: [{name: shop}, {name: Shop}]")


def test_names_that_cannot_be_shown_are_refused() -> None:
    with pytest.raises(ManifestRefused, match="unprintable"):
        parse('applications: [{name: "a\\tb"}]')
    with pytest.raises(ManifestRefused, match="too long"):
        parse(f"applications: [{{name: {'x' * 251}}}]")


def test_there_is_an_end_to_how_many_applications_one_request_makes() -> None:
    with pytest.raises(ManifestRefused, match="50 are allowed"):
        parse("applications: [" + ", ".join(f"{{name: a{i}}}" for i in range(51)) + "]")
