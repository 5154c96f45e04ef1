"""What an engine says of images, and what is made of it; how the log of a foreign container goes on."""

from pathlib import Path
from typing import Any

import pytest

from chalicelib.contracts.auction import IMAGES
from dea_agent.runtimes.docker_image_app import Sink, nanoseconds
from dea_agent.runtimes.docker_images import MAX_BYTES, ImageError, PullFailed, described, followed, meaning
from dea_agent.runtimes.shim import ERR, OUT

DIGEST = f"sha256:{'d' * 64}"
GOOD: dict[str, Any] = {"Os": "linux", "Architecture": "amd64", "Size": 7, "Config": {}}


@pytest.fixture(autouse=True)
def on_x86(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("platform.machine", lambda: "x86_64")


def test_a_pull_tells_each_layer_once_and_ends_with_the_digest() -> None:
    lines: list[str] = []
    events = [
        {"status": "Pulling from a/b", "id": "v1"},
        {"status": "Already exists", "id": "aa"},
        {"status": "Downloading", "id": "bb", "progressDetail": {"current": 1, "total": 10}},
        {"status": "Downloading", "id": "bb", "progressDetail": {"current": 9, "total": 10}},
        {"status": "Pull complete", "id": "bb", "progressDetail": {}},
        {"status": f"Digest: {DIGEST}"},
        {"status": "Status: Downloaded newer image for a/b:v1"},
    ]
    assert followed(events, lines.append) == DIGEST
    assert lines == ["Layer aa: already exists", "Layer bb: pull complete"]


@pytest.mark.parametrize(
    ("event", "text"),
    [
        ({"status": "Downloading", "id": "x", "progressDetail": {"total": MAX_BYTES + 1}}, "more than 4 GB"),
        ({"error": "unauthorized: authentication required"}, "user name and password"),
        ({"error": "manifest for a/b:v9 not found: manifest unknown"}, "no such image"),
        ({"status": "nothing of a digest"}, "no digest"),
    ],
)
def test_a_pull_that_fails_says_why(event: dict[str, Any], text: str) -> None:
    with pytest.raises(PullFailed, match=text):
        followed([event], lambda _: None)


def test_unknown_words_of_an_engine_are_handed_on_in_one_line_and_cut() -> None:
    said = meaning("dial tcp 10.0.0.1:5000:\n connect: connection refused " + "x" * 500)
    assert "\n" not in said
    assert "connection refused" in said
    assert len(said) < 400


def test_an_image_is_a_droplet_with_its_command_and_its_lowest_port() -> None:
    ports = {"9000/udp": {}, "8443/tcp": {}, "8080/tcp": {}}
    config = {"Entrypoint": ["/bin/run", "-c"], "Cmd": ["a b"], "ExposedPorts": ports}
    made = described(GOOD | {"Config": config}, DIGEST)
    assert (made.stack, made.arch, made.digest, made.port) == (IMAGES, "x86_64", DIGEST, 8080)
    assert made.process_types == {"web": "/bin/run -c 'a b'"}
    bare = described(GOOD, DIGEST)
    assert (bare.process_types, bare.port) == ({}, None)


@pytest.mark.parametrize("wrong", [{"Architecture": "s390x"}, {"Os": "windows"}])
def test_an_image_for_another_machine_is_refused(wrong: dict[str, str]) -> None:
    with pytest.raises(ImageError, match="is made for"):
        described(GOOD | wrong, DIGEST)


def test_a_log_tells_how_far_each_of_its_streams_has_come(tmp_path: Path) -> None:
    sink = Sink(tmp_path, -1)
    assert (sink.reached_ns(OUT), sink.reached_ns(ERR)) == (0, 0)
    sink.take(OUT, b"one", 100)
    sink.take(ERR, b"two", 300)
    sink.take(OUT, b"three", 200)
    assert (sink.reached_ns(OUT), sink.reached_ns(ERR)) == (200, 300)
    sink.end(3)
    sink.end(3)
    text = next(tmp_path.glob("app.*")).read_text()
    assert text.startswith("100 O one\n300 E two\n200 O three\n")
    assert text.count("Exit status 3") == 1


def test_the_engines_times_are_read_to_the_nanosecond() -> None:
    assert nanoseconds("1970-01-01T00:00:02.000000003Z") == 2_000_000_003
    assert nanoseconds("no time") == 0
