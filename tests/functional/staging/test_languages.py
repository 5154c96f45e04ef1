"""The examples that need no registry are staged for real and run from another folder, each where its language is."""

import glob
import os
import shutil
import subprocess
from dataclasses import dataclass, field
from pathlib import Path

import pytest

from chalicelib.core.lifecycle import BUILDPACKS as ORDER
from dea_agent.staging.sandbox import SYSTEM_PATH
from tests.functional.staging.conftest import BUILDPACKS, EXAMPLES, Desk, running


@dataclass(frozen=True)
class Language:
    """example: folder. needs: programs or files of the host. packages: where they come from. answers: by path."""

    example: str
    needs: tuple[str, ...]
    packages: str
    command: str
    answers: dict[str, str]
    said: tuple[str, ...] = ()
    env: dict[str, str] = field(default_factory=dict)


LANGUAGES = (
    Language(
        "nginx",
        ("nginx",),
        "nginx",
        'exec bash "$DEPS_DIR/0/nginx/start-nginx" "$HOME/nginx.conf"',
        {"/": "Hello from nginx, instance 3\n", "/note.txt": "A file of the app's public folder.\n"},
        ("-----> Nginx Buildpack",),
    ),
    Language(
        "php",
        ("php", "nginx", "/usr/sbin/php-fpm*"),
        "php-cli php-fpm nginx",
        "/usr/sbin/php-fpm",
        {
            "/": "Hello from tested, instance 3\n",
            "/any/path": "Hello from tested, instance 3\n",
            "/server": "fpm-fcgi\n",
        },
        ("-----> PHP Buildpack", "Document root: public"),
    ),
    Language(
        "java-main",
        ("/usr/lib/jvm/*/release",),
        "default-jre-headless",
        "exec java $JAVA_OPTS -cp . Hello",
        {"/": "Hello from instance 3\n"},
        ("-----> Java Buildpack",),
        {"MEMORY_LIMIT": "128m"},
    ),
    Language(
        "java-war",
        ("/usr/lib/jvm/*/release", "/usr/share/tomcat10/bin/bootstrap.jar"),
        "default-jre-headless tomcat10-common",
        "org.apache.catalina.startup.Bootstrap start",
        {"/": "Hello from java-war, instance 3\n", "/WEB-INF/web.xml": "404"},
        ("Serving the app with Tomcat 10 of the stack",),
        {"MEMORY_LIMIT": "256m"},
    ),
    Language(
        "go",
        ("go",),
        "golang-go",
        "exec ./bin/hello",
        {"/": "Hello from tested, instance 3\n"},
        ("-----> Go Buildpack", "Building . with go build -mod=vendor"),
    ),
    Language(
        "erlang-escript",
        ("escript",),
        "erlang-base",
        "exec escript ./hello.escript",
        {"/": "Hello from instance 3\n"},
        ("-----> Erlang Buildpack",),
    ),
    Language(
        "ruby-rack",
        ("ruby", "bundle"),
        "ruby bundler",
        "exec bundle exec rackup -o 0.0.0.0 -p $PORT",
        {"/": "Hello from tested, instance 3\n"},
        ("-----> Ruby Buildpack", "Installing the gems of Gemfile.lock from vendor/cache"),
    ),
)

#: Go compiles its library for the first program; Tomcat compiles the page.
SLOW = ("go", "java-war")


def skip_without(needs: tuple[str, ...], packages: str) -> None:
    for need in needs:
        if not (glob.glob(need) if need.startswith("/") else shutil.which(need, path=SYSTEM_PATH)):
            pytest.skip(f"this host has no {need} (apt install {packages})")


@pytest.mark.parametrize("language", LANGUAGES, ids=lambda language: language.example)
def test_an_example_is_staged_moved_and_run(desk: Desk, open_folder: Path, language: Language) -> None:
    skip_without(language.needs, language.packages)
    if language.example in SLOW and not os.environ.get("ZF_TEST_BUILDPACKS"):
        pytest.skip("takes many seconds: make test-buildpacks runs it")
    finished = desk.stage(desk.request(EXAMPLES / language.example))
    droplet = desk.unpacked(finished, open_folder)
    assert finished.droplet is not None
    assert finished.droplet.buildpacks[0].buildpack_name == language.example.partition("-")[0]
    command = finished.droplet.process_types["web"]
    assert language.command in command
    assert [words for words in language.said if words not in desk.log] == []
    moved = droplet.rename(open_folder / "moved")
    env = {"VCAP_APPLICATION": '{"application_name": "tested"}', **language.env}
    with running(moved, command, env) as get:
        for path, answer in language.answers.items():
            assert get(path).startswith(answer), path


def script(tmp_path: Path, buildpack: str, name: str, files: dict[str, str]) -> str:
    """Run one script alone on an app; what it said."""
    app = tmp_path / "app"
    for path, text in files.items():
        (app / path).parent.mkdir(parents=True, exist_ok=True)
        (app / path).write_text(text)
    folders = [app, tmp_path / "cache", tmp_path / "deps", "0", tmp_path / "profile.d"]
    (tmp_path / "deps" / "0").mkdir(parents=True, exist_ok=True)
    argv = [str(BUILDPACKS / buildpack / "bin" / name), *map(str, folders)]
    env = {"PATH": SYSTEM_PATH, "HOME": str(tmp_path), "LANG": "C.UTF-8"}
    made = subprocess.run(argv, env=env, capture_output=True, text=True, check=False)
    assert made.returncode != 0, made.stdout
    return made.stderr.strip().splitlines()[-1].strip()


@pytest.mark.parametrize(
    ("buildpack", "name", "needs", "files", "sentence"),
    [
        (
            "ruby",
            "supply",
            (),
            {"Gemfile": ""},
            "Gemfile.lock is missing: run bundle lock, and push the file with the app",
        ),
        (
            "ruby",
            "supply",
            ("ruby",),
            {"Gemfile": 'ruby "1.8.7"\n', "Gemfile.lock": ""},
            "Gemfile asks for Ruby 1.8.7, and this stack offers",
        ),
        (
            "java",
            "supply",
            ("/usr/lib/jvm/*/release",),
            {"system.properties": "java.runtime.version=1.6\n"},
            "system.properties asks for Java 6, and this stack offers",
        ),
        ("java", "finalize", (), {"a.jar": "", "b.jar": ""}, "name the jar in a Procfile"),
        (
            "php",
            "supply",
            ("php",),
            {"composer.json": '{"require": {"php": "~5.3"}}'},
            "composer.json asks for PHP ~5.3",
        ),
        (
            "php",
            "supply",
            ("php",),
            {"composer.json": '{"require": {"vendor/one": "1"}}'},
            "composer install",
        ),
        ("php", "supply", ("php",), {"composer.json": "{"}, "composer.json is not valid JSON"),
        (
            "go",
            "finalize",
            ("go",),
            {"go.mod": "module a\n\ngo 9.9\n"},
            "go.mod asks for Go >=9.9, and this stack offers",
        ),
        ("go", "finalize", ("go",), {"go.mod": "module a\n"}, "set GO_INSTALL_PACKAGE_SPEC"),
        ("go", "finalize", ("go",), {"go.mod": "module a\n", "main.go": "package main\n"}, "go build failed"),
        ("erlang", "finalize", ("erl",), {"rebar.config": ""}, "push the release that rebar3 as prod release makes"),
        ("nginx", "finalize", ("nginx",), {"nginx.conf": "events {}\n"}, "nginx.conf must say listen {{port}}"),
        (
            "nginx",
            "finalize",
            ("nginx",),
            {"nginx.conf": "events {}\nhttp { server { listen {{port}}; rot x; } }\n"},
            'nginx does not take nginx.conf: unknown directive "rot"',
        ),
        ("nodejs", "supply", ("node",), {"package.json": "{"}, "package.json is not valid JSON"),
        (
            "nodejs",
            "supply",
            ("node",),
            {"package.json": '{"engines": {"node": "0.4.x"}}'},
            "engines of package.json asks for Node.js 0.4.x, and this stack offers",
        ),
    ],
)
def test_what_cannot_be_staged_ends_with_one_sentence_and_the_way_out(
    tmp_path: Path, buildpack: str, name: str, needs: tuple[str, ...], files: dict[str, str], sentence: str
) -> None:
    skip_without(needs, "the language")
    assert sentence in script(tmp_path, buildpack, name, files)


def test_a_war_without_a_server_on_the_stack_is_refused(tmp_path: Path) -> None:
    if glob.glob("/usr/share/tomcat10/bin/bootstrap.jar"):
        pytest.skip("this host has Tomcat")
    assert "push an executable jar" in script(tmp_path, "java", "finalize", {"WEB-INF/web.xml": ""})


@pytest.mark.parametrize(
    ("files", "buildpack"),
    [
        (["Staticfile", "package.json"], "staticfile"),
        (["index.html"], "staticfile"),
        (["index.html", "index.php"], "php"),
        (["index.html", "nginx.conf"], "nginx"),
        (["WEB-INF/web.xml", "index.html"], "java"),
        (["app.war"], "java"),
        (["Gemfile", "package.json"], "ruby"),
        (["package.json", "requirements.txt"], "nodejs"),
        (["go.mod", "requirements.txt"], "go"),
        (["main.go"], "go"),
        (["Pipfile"], "python"),
        (["public/index.php", "composer.json"], "php"),
        (["releases/1/hello.boot"], "erlang"),
        (["hello.escript", "Procfile"], "erlang"),
        (["Procfile"], "binary"),
    ],
)
def test_detection_takes_the_first_that_knows_the_app(tmp_path: Path, files: list[str], buildpack: str) -> None:
    for name in files:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).write_text("")
    knows = [
        name
        for name in ORDER
        if subprocess.run([str(BUILDPACKS / name / "bin" / "detect"), str(tmp_path)], capture_output=True).returncode
        == 0
    ]
    assert knows[0] == buildpack
