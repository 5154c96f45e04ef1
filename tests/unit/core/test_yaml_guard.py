import time

import pytest

from chalicelib.core.yaml_guard import YamlRefused, load


def bomb(levels: int, inner: str) -> str:
    rows = [f"a{i}: &a{i} {inner.format(','.join([f'*a{i - 1}'] * 9))}" for i in range(1, levels)]
    return "\n".join(["a0: &a0 {k: v}", *rows])


@pytest.mark.parametrize(
    "text",
    [
        bomb(12, "[{}]"),
        bomb(12, "{{<<: [{}]}}"),
        "&a [*a]",
        "&a {b: *a}",
        "[" * 100_000,
        "{" * 3000,
        "- " * 5000,
        "a: 1\0",
        "a: " + "9" * 20_000,
        "!!python/object/apply:os.system ['true']",
        '"\\ud800"',
        "a: 9999-99-99",
        "? {a: b}\n: c",
        "a: b\n---\nc: d",
        "a: *nobody",
        "x" * 200_000,
        "\n".join("- a" for _ in range(60_000)),
    ],
    ids=lambda text: text[:20],
)
def test_hostile_texts_are_refused_in_little_time(text: str) -> None:
    began = time.process_time()
    with pytest.raises(YamlRefused):
        load(text)
    assert time.process_time() - began < 1.5


def test_anchors_and_merges_of_honest_manifests_work() -> None:
    text = "defaults: &d {memory: 1G, env: {A: b}}\napplications:\n- {<<: *d, name: one}\n- {<<: *d, name: two}"
    assert load(text)["applications"] == [
        {"memory": "1G", "env": {"A": "b"}, "name": "one"},
        {"memory": "1G", "env": {"A": "b"}, "name": "two"},
    ]


def test_keys_are_called_what_is_written() -> None:
    assert load("{ON: x, 8080: y, 1.10: z, null: n}") == {"ON": "x", "8080": "y", "1.10": "z", "null": "n"}


def test_errors_say_the_line() -> None:
    with pytest.raises(YamlRefused, match="line 2"):
        load("a: b\n\tc: d")


def test_nothing_is_nothing() -> None:
    assert load("") is None
