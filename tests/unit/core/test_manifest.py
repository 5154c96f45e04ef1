from typing import Any

import pytest

from chalicelib.core.manifest import ManifestRefused, parse


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
    assert (spec.processes, spec.buildpacks, spec.stack, spec.urls) == ((), None, None, ())


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
    assert one("routes: [{route: WWW.Example.org/Path}, {route: a.b, protocol: http1}]").urls == (
        "www.example.org/Path",
        "a.b",
    )


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
        ("stack: windows", "Stack must be an existing stack; there is cflinuxfs4"),
        ("docker: {image: nginx}", "Docker apps are not enabled on this platform"),
        ("lifecycle: docker", "Lifecycle type 'docker' is not enabled on this platform; use 'buildpack'"),
        ("services: [db]", "Service instance 'db' not found"),
        ("services: {a: b}", "Services must be a list of service instance names"),
        ("sidecars: [{name: x}]", "Sidecars are not supported by this platform"),
        ("env: [A]", "Env must be an object of keys and values"),
        ("env: {VCAP_SERVICES: '{}'}", "Environment variables cannot start with VCAP_"),
        ("routes: www.example.org", "Routes must be a list of route objects"),
        ("routes: [{route: 'http://x.y'}]", "The route 'http://x.y' is not a properly formed URL"),
        ("routes: [{route: 7}]", "The route '7' is not a properly formed URL"),
        ("no-route: yes please", "No-route must be a boolean"),
        ("no-route: true, routes: [{route: a.b}]", "Cannot use the combination of properties: no-route, routes"),
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
