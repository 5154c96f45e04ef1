"""Safety: whatever is sent as a manifest, it is read into specifications or refused in words; nothing else happens."""

from typing import Any

import yaml
from hypothesis import given, settings
from hypothesis import strategies as st

from chalicelib.core.manifest import APP_KEYS, AppSpec, ManifestRefused, applications, parse
from chalicelib.core.manifest_diff import differences
from chalicelib.core.manifest_document import application, document
from chalicelib.core.yaml_guard import YamlRefused

scalars = st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(max_size=20)
values = st.recursive(
    scalars | st.sampled_from(["1G", "512M", "web", "worker", "http", "/up", "a.example.org/x"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=10), inner, max_size=3),
    max_leaves=8,
)
apps = st.dictionaries(st.sampled_from(sorted(APP_KEYS)), values, max_size=8).map(lambda app: {"name": "shop"} | app)


def read(text: str) -> tuple[AppSpec, ...] | tuple[str, ...]:
    """The specifications, or the sentences of the refusal."""
    try:
        return parse(text)
    except YamlRefused as refusal:
        return (str(refusal),)
    except ManifestRefused as refusal:
        return refusal.details


@given(st.text(max_size=200) | st.text(alphabet="[]{}:,&*-!<>|'\"# \nab1", max_size=200))
@settings(max_examples=300)
def test_any_text_is_read_or_refused_with_a_sentence(text: str) -> None:
    found = read(text)

    assert found
    assert all(found)


@given(st.lists(apps, min_size=1, max_size=3))
@settings(max_examples=300)
def test_what_is_read_can_be_written_and_read_again(given_apps: list[dict[str, Any]]) -> None:
    for spec in read(yaml.safe_dump({"applications": given_apps})):
        if isinstance(spec, AppSpec):
            (again,) = parse(document(spec))
            assert application(again) == application(spec)
            assert differences(yaml.safe_load(document(spec))["applications"], lambda name: spec) == []  # noqa: B023
            assert differences(applications(document(spec)), lambda name: None)
