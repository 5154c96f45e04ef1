"""Buildpacks from the web in both styles, by git and as a zip."""

import functools
import subprocess
import threading
from collections.abc import Iterator
from dataclasses import replace
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from dea_agent.staging import Stager
from tests.functional.staging.conftest import BUILDPACKS, UID_BASE, Desk, running, zip_of

HEROKU: dict[str, str | bytes] = {
    "bin/detect": "#!/bin/sh\necho Heroku\n",
    "bin/compile": """#!/bin/sh
set -e
echo "-----> compiling with $(cat "$3/COLOR")"
mkdir -p "$1/.profile.d"
echo 'export GREETING="from heroku"' > "$1/.profile.d/greeting.sh"
cat "$2/count" 2>/dev/null || true
echo "seen before" > "$2/count"
""",
    "bin/release": "#!/bin/sh\nprintf 'default_process_types:\\n  web: ./serve.sh\\n  worker: sleep 9\\n'\n",
}
SUPPLY: dict[str, str | bytes] = {
    "bin/supply": """#!/bin/sh
set -e
mkdir -p "$3/$4/bin" "$3/$4/profile.d"
printf '#!/bin/sh\\necho from supply %s\\n' "$4" > "$3/$4/bin/greet"
chmod +x "$3/$4/bin/greet"
echo 'export SUPPLIED=yes' > "$3/$4/profile.d/supplied.sh"
printf 'name: supplier\\nversion: 4.5.6\\n' > "$3/$4/config.yml"
""",
}
FINAL: dict[str, str | bytes] = {
    "bin/finalize": """#!/bin/sh
set -e
greet
echo 'export FINALIZED=yes' > "$5/finalized.sh"
""",
    "bin/release": "#!/bin/sh\necho 'default_process_types: {web: ./serve.sh}'\n",
}
SERVE = """#!/bin/bash
mkdir -p web && cd web && env > env && (greet >> env 2>/dev/null || true)
exec python3 -m http.server "$PORT"
"""


class Quiet(SimpleHTTPRequestHandler):
    def log_message(self, format: str, *args: object) -> None: ...


@pytest.fixture
def web(tmp_path: Path) -> Iterator[tuple[Path, str]]:
    """A folder and the address at which it is on the web."""
    server = ThreadingHTTPServer(("127.0.0.1", 0), functools.partial(Quiet, directory=str(tmp_path)))
    threading.Thread(target=server.serve_forever, daemon=True).start()
    yield tmp_path, f"http://127.0.0.1:{server.server_port}"
    server.shutdown()
    server.server_close()


def repository(folder: Path, name: str, files: dict[str, str | bytes], branch: str = "main") -> None:
    """A bare repository that a plain web server can serve."""
    work = folder / f"{name}-work"
    for path, content in files.items():
        target = work / path
        target.parent.mkdir(parents=True, exist_ok=True)
        target.write_text(str(content))
        target.chmod(0o755)
    git = ["git", "-c", "user.name=t", "-c", "user.email=t@example.com", "-C", str(work)]
    for command in (["init", "-q", "-b", branch], ["add", "-A"], ["commit", "-q", "-m", "x"]):
        subprocess.run([*git, *command], check=True)
    bare = folder / f"{name}.git"
    subprocess.run(["git", "clone", "-q", "--bare", str(work), str(bare)], check=True)
    subprocess.run(["git", "-C", str(bare), "update-server-info"], check=True)


def test_a_heroku_buildpack_from_git_compiles_and_keeps_its_cache(
    desk: Desk, open_folder: Path, web: tuple[Path, str]
) -> None:
    folder, url = web
    repository(folder, "heroku", HEROKU)
    ask = functools.partial(desk.request, {"serve.sh": SERVE}, f"{url}/heroku.git", env={"COLOR": "blue"})
    finished = desk.stage(ask())
    assert finished.droplet is not None, desk.log
    assert finished.droplet.process_types == {"web": "./serve.sh", "worker": "sleep 9"}
    assert finished.droplet.buildpacks[0].name == f"{url}/heroku.git"
    assert "-----> compiling with blue" in desk.log
    with running(desk.unpacked(finished, open_folder), "./serve.sh") as get:
        assert "GREETING=from heroku\n" in get("/env")
    assert "seen before" not in desk.log
    assert desk.stage(ask()).droplet
    assert "seen before" in desk.log


def test_a_procfile_wins_over_what_a_buildpack_proposes(desk: Desk, web: tuple[Path, str]) -> None:
    folder, url = web
    repository(folder, "heroku", HEROKU)
    app: dict[str, str | bytes] = {"Procfile": "web: ./mine.sh\n"}
    finished = desk.stage(desk.request(app, f"{url}/heroku.git", env={"COLOR": "x"}))
    assert finished.droplet is not None, desk.log
    assert finished.droplet.process_types == {"web": "./mine.sh", "worker": "sleep 9"}


def test_supply_and_finalize_hand_their_work_on_to_the_app(
    desk: Desk, open_folder: Path, web: tuple[Path, str]
) -> None:
    folder, url = web
    repository(folder, "supply", SUPPLY, branch="v4")
    (folder / "final.zip").write_bytes(zip_of({f"final-1.0/{name}": text for name, text in FINAL.items()}))
    finished = desk.stage(desk.request({"serve.sh": SERVE}, f"{url}/supply.git#v4", f"{url}/final.zip"))
    assert finished.droplet is not None, f"{finished.error_detail} {desk.log}"
    assert "from supply 0" in desk.log  # on the PATH of the one that follows
    used = finished.droplet.buildpacks
    assert (used[0].buildpack_name, used[0].version) == ("supplier", "4.5.6")
    with running(desk.unpacked(finished, open_folder), finished.droplet.process_types["web"]) as get:
        env = get("/env").splitlines()
    assert {"SUPPLIED=yes", "FINALIZED=yes", "from supply 0"} <= set(env)


def test_built_in_and_custom_buildpacks_work_together(desk: Desk, open_folder: Path, web: tuple[Path, str]) -> None:
    folder, url = web
    repository(folder, "supply", SUPPLY)
    app: dict[str, str | bytes] = {"Procfile": "web: ./serve.sh\n", "serve.sh": SERVE}
    finished = desk.stage(desk.request(app, f"{url}/supply.git", "binary_buildpack"))
    with running(desk.unpacked(finished, open_folder), "./serve.sh") as get:
        assert "from supply 0" in get("/env")


@pytest.mark.parametrize(
    ("buildpack", "reason"),
    [
        ("cobol_buildpack", "there is no buildpack 'cobol_buildpack'"),
        ("../python", "there is no buildpack"),
        ("file:///etc", "there is no buildpack"),
        ("ssh://git@example.com/x", "there is no buildpack"),
        ("http://[", "there is no buildpack"),
        ("{url}/none.zip", "could not be downloaded"),
        ("{url}/none.git", "could not be downloaded"),
        ("{url}/empty.zip", "no bin folder"),
        ("{url}/evil.zip", "leads out"),
        ("{url}/nothing.zip", "neither bin/finalize nor bin/compile"),
    ],
)
def test_a_buildpack_that_is_none_fails_with_its_reason(
    desk: Desk, web: tuple[Path, str], buildpack: str, reason: str
) -> None:
    folder, url = web
    (folder / "empty.zip").write_bytes(zip_of({"README": "x"}))
    (folder / "evil.zip").write_bytes(zip_of({"../evil": "x"}))
    (folder / "nothing.zip").write_bytes(zip_of({"bin/other": "x"}))
    finished = desk.stage(desk.request({"a": "b"}, buildpack.format(url=url)))
    assert finished.error_id in ("BuildpackCompileFailed", "StagingError")
    assert reason in finished.error_detail


def test_a_compile_buildpack_cannot_come_before_another(desk: Desk, web: tuple[Path, str]) -> None:
    folder, url = web
    repository(folder, "heroku", HEROKU)
    finished = desk.stage(desk.request({"a": "b"}, f"{url}/heroku.git", "binary"))
    assert "no other buildpack can come after it" in finished.error_detail


def test_credentials_of_a_buildpack_are_in_no_log_and_no_answer(desk: Desk, web: tuple[Path, str]) -> None:
    _, url = web
    secret = url.replace("http://", "http://me:hunter2@")
    for name in ("none.git", "none.zip"):
        finished = desk.stage(desk.request({"a": "b"}, f"{secret}/{name}"))
        assert finished.error_id == "BuildpackCompileFailed"
        assert "hunter2" not in desk.log + finished.error_detail


@pytest.mark.parametrize("url", ["http://127.0.0.1:1/x.zip", "http://localhost/x.git", "http://169.254.169.254/x.zip"])
def test_the_inside_of_the_cloud_is_no_place_for_a_buildpack(desk: Desk, open_folder: Path, url: str) -> None:
    guarded = Stager(open_folder / "guarded", open_folder / "cache", UID_BASE, BUILDPACKS, "dea-0", "boot")
    finished = replace(desk, stager=guarded).stage(desk.request({"a": "b"}, url))
    assert "is not a public address" in finished.error_detail


def test_a_buildpack_that_has_moved_is_not_followed(desk: Desk) -> None:
    class Moved(Quiet):
        def do_GET(self) -> None:
            self.send_response(302)
            self.send_header("Location", "http://169.254.169.254/latest?token=x")
            self.send_header("Content-Length", "0")
            self.end_headers()

    server = ThreadingHTTPServer(("127.0.0.1", 0), Moved)
    threading.Thread(target=server.serve_forever, daemon=True).start()
    url = f"http://127.0.0.1:{server.server_port}"
    moved = desk.stage(desk.request({"a": "b"}, f"{url}/b.zip"))
    assert "it has moved to http://169.254.169.254/latest; redirects are not followed" in moved.error_detail
    assert "could not be downloaded" in desk.stage(desk.request({"a": "b"}, f"{url}/b.git")).error_detail
    server.shutdown()
    server.server_close()


def test_a_repository_within_a_repository_comes_along_and_obeys_the_rules(desk: Desk, web: tuple[Path, str]) -> None:
    folder, url = web
    repository(
        folder, "inner", {name.removeprefix("bin/"): str(text).replace("greet\n", "") for name, text in FINAL.items()}
    )
    tip = subprocess.run(["git", "-C", str(folder / "inner.git"), "rev-parse", "HEAD"], capture_output=True, check=True)
    for name, source in (("good", "../inner.git"), ("bad", "http://10.0.0.1/inner.git")):
        repository(folder, name, {".gitmodules": f'[submodule "bin"]\n\tpath = bin\n\turl = {source}\n'})
        work = ["git", "-C", str(folder / f"{name}-work"), "-c", "user.name=t", "-c", "user.email=t@example.com"]
        entry = f"160000,{tip.stdout.decode().strip()},bin"
        subprocess.run([*work, "update-index", "--add", "--cacheinfo", entry], check=True)
        subprocess.run([*work, "commit", "-q", "-m", "module"], check=True)
        subprocess.run([*work, "push", "-q", str(folder / f"{name}.git"), "main"], check=True)
        subprocess.run(["git", "-C", str(folder / f"{name}.git"), "update-server-info"], check=True)
    assert desk.stage(desk.request({"a": "b"}, f"{url}/good.git")).droplet is not None, desk.log
    assert "not a public address" in desk.stage(desk.request({"a": "b"}, f"{url}/bad.git")).error_detail
