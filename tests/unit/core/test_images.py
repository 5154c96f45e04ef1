import pytest
from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core.images import DOCKER_HUB, divided, pinned, registry

DIGEST = f"sha256:{'a' * 64}"


@pytest.mark.parametrize(
    ("name", "place", "parts"),
    [
        ("nginx", DOCKER_HUB, ("nginx", "latest")),
        ("grafana/grafana:11", DOCKER_HUB, ("grafana/grafana", "11")),
        ("docker.io/library/nginx:1", DOCKER_HUB, ("docker.io/library/nginx", "1")),
        ("ghcr.io/a/b", "ghcr.io", ("ghcr.io/a/b", "latest")),
        ("localhost/a", "localhost", ("localhost/a", "latest")),
        ("127.0.0.1:5000/a:v1", "127.0.0.1:5000", ("127.0.0.1:5000/a", "v1")),
        ("127.0.0.1:5000/a", "127.0.0.1:5000", ("127.0.0.1:5000/a", "latest")),
        (f"ghcr.io/a/b:v1@{DIGEST}", "ghcr.io", ("ghcr.io/a/b", DIGEST)),
    ],
)
def test_a_name_is_read_as_docker_pull_reads_it(name: str, place: str, parts: tuple[str, str]) -> None:
    assert registry(name) == place
    assert divided(name) == parts


words = st.text("abc019-_", min_size=1, max_size=8)


@given(
    st.sampled_from(["", "ghcr.io/", "127.0.0.1:5000/", "localhost/"]),
    st.lists(words, min_size=1, max_size=3),
    st.one_of(st.just(""), words.map(lambda tag: f":{tag}")),
)
def test_a_pinned_name_is_of_the_same_place_has_the_digest_and_stays_pinned(
    place: str, path: list[str], tag: str
) -> None:
    name = f"{place}{'/'.join(path)}{tag}"
    fixed = pinned(name, DIGEST)
    assert registry(fixed) == registry(name)
    assert divided(fixed) == (divided(name)[0], DIGEST)
    assert pinned(fixed, DIGEST) == fixed
