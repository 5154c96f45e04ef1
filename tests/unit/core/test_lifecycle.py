import pytest

from chalicelib.core.lifecycle import (
    wrong_buildpacks,
    wrong_lifecycle,
    wrong_process_types,
)


def test_the_platforms_buildpacks_and_addresses_are_right() -> None:
    names = ["python", "python_buildpack", "https://github.com/x/y.git", "https://example.org/b.zip#v1"]
    assert wrong_buildpacks([*names, "ssh://git@example.org/x/y"], {"python_buildpack"}) == []


@pytest.mark.parametrize(
    "name", ["", "cobol", "../python", "file:///etc", "https://", "https://[", "https://a b/c", "x\n"]
)
def test_other_names_are_refused_with_the_text_that_clients_know(name: str) -> None:
    assert wrong_buildpacks([name], {"python_buildpack"}) == [
        f'Buildpack "{name}" must be an existing admin buildpack or a valid git URI'
    ]


@pytest.mark.parametrize("name", ["https://user:secret@example.org/b", "https://secret@example.org/b"])
def test_an_address_with_a_secret_is_refused_without_telling_it(name: str) -> None:
    (sentence,) = wrong_buildpacks([name], {"python_buildpack"})
    assert "example.org" in sentence
    assert "secret" not in sentence


def test_too_many_buildpacks_are_refused() -> None:
    assert wrong_buildpacks(["python"] * 11) == ["Buildpacks must be at most 10"]


def test_lifecycles() -> None:
    assert wrong_lifecycle(None) is None
    assert wrong_lifecycle("buildpack") is None
    assert "not enabled" in str(wrong_lifecycle("docker"))
    assert "not included" in str(wrong_lifecycle({"a": 1}))


@pytest.mark.parametrize(
    "types",
    [
        {"": "run"},
        {"a b": "run"},
        {"web": ""},
        {"web": "x" * 5000},
        {"web": "a\0b"},
        {f"t{i}": "x" for i in range(17)},
        {f"t{i}": "\U0001f600" * 2000 for i in range(4)},
    ],
)
def test_process_types_that_nobody_could_make_are_refused(types: dict[str, str]) -> None:
    assert wrong_process_types(types)


def test_usual_process_types_are_right() -> None:
    assert wrong_process_types({"web": "run", "worker-2": "work", "a.b_c": "x"}) is None
