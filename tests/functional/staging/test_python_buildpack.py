"""The python buildpack's scripts alone, with a package that is made here, so that no registry is asked."""

import json
import os
import subprocess
import sys
import zipfile
from pathlib import Path

import pytest

from dea_agent.staging.sandbox import SYSTEM_PATH
from tests.functional.staging.conftest import BUILDPACKS

BIN = BUILDPACKS / "python" / "bin"
UV_FOLDER = Path(sys.executable).parent

#: A pip that does not work, as on a host without python3-pip.
NO_PIP = "import sys; sys.exit(1)"


@pytest.fixture
def app(tmp_path: Path) -> Path:
    app = tmp_path / "app"
    (app / "vendor").mkdir(parents=True)
    with zipfile.ZipFile(app / "vendor" / "tiny-1.0-py3-none-any.whl", "w") as wheel:
        wheel.writestr("tiny/__init__.py", "def main():\n    print('tiny', __file__)\n")
        wheel.writestr("tiny-1.0.dist-info/METADATA", "Metadata-Version: 2.1\nName: tiny\nVersion: 1.0\n")
        wheel.writestr("tiny-1.0.dist-info/WHEEL", "Wheel-Version: 1.0\nRoot-Is-Purelib: true\nTag: py3-none-any\n")
        wheel.writestr("tiny-1.0.dist-info/entry_points.txt", "[console_scripts]\ntiny = tiny:main\n")
        wheel.writestr("tiny-1.0.dist-info/RECORD", "")
    return app


def supply(app: Path, **env: str) -> subprocess.CompletedProcess[str]:
    for name in ("cache", "deps/0"):
        (app.parent / name).mkdir(parents=True, exist_ok=True)
    argv = [BIN / "supply", app, app.parent / "cache", app.parent / "deps", "0"]
    env = {"PATH": SYSTEM_PATH, "HOME": str(app.parent), "LANG": "C.UTF-8", **env}
    return subprocess.run([str(item) for item in argv], env=env, capture_output=True, text=True, check=False)


def in_droplet(app: Path, command: str) -> str:
    """Run where the droplet has moved to."""
    moved = app.parent / "moved"
    if not moved.exists():
        (app.parent / "deps").rename(moved)
    script = f'. "$DEPS_DIR/0/profile.d/python.sh"; PATH="$DEPS_DIR/0/bin:$PATH"; {command}'
    env = {"PATH": SYSTEM_PATH, "DEPS_DIR": str(moved), "HOME": str(app)}
    return subprocess.run(["/bin/bash", "-c", script], env=env, capture_output=True, text=True, check=True).stdout


@pytest.mark.parametrize("installer", ["uv", "pip", "pip's wheel"])
def test_packages_and_their_programs_work_after_a_move(app: Path, tmp_path: Path, installer: str) -> None:
    (app / "requirements.txt").write_text("tiny==1.0\n")
    (tmp_path / "no-pip" / "pip").mkdir(parents=True)
    (tmp_path / "no-pip" / "pip" / "__main__.py").write_text(NO_PIP)
    env = {
        "uv": {"STAGING_TOOLS": str(UV_FOLDER)},
        "pip": {},
        "pip's wheel": {"PYTHONPATH": str(tmp_path / "no-pip")},
    }[installer]
    made = supply(app, **env)
    assert made.returncode == 0, made.stdout + made.stderr
    moved = str(app.parent / "moved")
    assert in_droplet(app, "tiny").startswith(f"tiny {moved}")
    assert in_droplet(app, "python -c 'import tiny; tiny.main()'").startswith(f"tiny {moved}")
    assert in_droplet(app, "head -1 $DEPS_DIR/0/bin/tiny").strip() == "#!/usr/bin/env python3"
    assert "__pycache__" in in_droplet(app, "ls $DEPS_DIR/0/python/lib/*/site-packages/tiny")


def test_nothing_in_the_droplet_is_a_link_or_names_the_place_of_its_making(app: Path) -> None:
    (app / "requirements.txt").write_text("tiny==1.0\n")
    assert supply(app, STAGING_TOOLS=str(UV_FOLDER)).returncode == 0
    for path in (app.parent / "deps").rglob("*"):
        assert not path.is_symlink(), path
        if path.is_file() and path.suffix != ".pyc" and "dist-info" not in str(path):
            assert str(app.parent).encode() not in path.read_bytes(), path


def test_the_dependencies_of_a_pyproject_are_installed(app: Path) -> None:
    (app / "pyproject.toml").write_text('[project]\nname = "x"\nversion = "1"\ndependencies = ["tiny>=1"]\n')
    assert supply(app, STAGING_TOOLS=str(UV_FOLDER)).returncode == 0
    assert in_droplet(app, "tiny").startswith("tiny")


@pytest.mark.parametrize("requirements", ["", "# nothing\n\n"])
def test_nothing_to_install_takes_no_installer(app: Path, requirements: str) -> None:
    (app / "requirements.txt").write_text(requirements)
    made = supply(app)
    assert made.returncode == 0
    assert "Nothing to install" in made.stdout
    assert in_droplet(app, "python -c 'print(1)'") == "1\n"


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("[project", "cannot be read"),
        ("[project]\ndependencies = 'x'\n", "not a list"),
    ],
)
def test_a_bad_pyproject_is_named(app: Path, text: str, reason: str) -> None:
    (app / "pyproject.toml").write_text(text)
    made = supply(app)
    assert made.returncode != 0
    assert reason in made.stderr


def test_another_python_than_the_stack_offers_is_refused_with_what_it_offers(app: Path) -> None:
    (app / "requirements.txt").write_text("")
    (app / "runtime.txt").write_text("python-2.7.18\n")
    made = supply(app)
    assert made.returncode != 0
    assert "runtime.txt asks for Python 2.7.18, and this stack offers 3." in made.stderr
    (app / "runtime.txt").write_text("python-3.x\n")
    assert supply(app).returncode == 0


@pytest.mark.parametrize(
    ("files", "way_out"),
    [
        ({"Pipfile": "[packages]\n"}, "pipenv requirements > requirements.txt"),
        ({"pyproject.toml": "[tool.poetry.dependencies]\nflask = '*'\n"}, "poetry export -o requirements.txt"),
    ],
)
def test_what_other_tools_keep_is_refused_with_the_way_out(app: Path, files: dict[str, str], way_out: str) -> None:
    for name, text in files.items():
        (app / name).write_text(text)
    made = supply(app)
    assert made.returncode != 0
    assert way_out in made.stderr


FLASK = "from flask import Flask\napp = Flask(__name__)\n"


@pytest.mark.parametrize(
    ("files", "command"),
    [
        ({"app.py": FLASK, "requirements.txt": "Flask==3\ngunicorn\n"}, "exec gunicorn --bind 0.0.0.0:$PORT app:app"),
        (
            {"main.py": "import flask\nweb: flask.Flask = flask.Flask('x')\n", "requirements.txt": "flask>=2\n"},
            "exec python3 -m flask --app main:web run --host 0.0.0.0 --port $PORT",
        ),
        (
            {"main.py": "api = FastAPI()\n", "requirements.txt": "fastapi\nuvicorn[standard]>=0.3\n"},
            "exec uvicorn --host 0.0.0.0 --port $PORT main:api",
        ),
        (
            {
                "main.py": "api = FastAPI()\n",
                "pyproject.toml": '[project]\ndependencies = ["fastapi", "uvicorn>=0.3"]\n',
            },
            "exec uvicorn --host 0.0.0.0 --port $PORT main:api",
        ),
        (
            {"manage.py": "", "shop/wsgi.py": "", "requirements.txt": "django\ngunicorn~=23.0\n"},
            "exec gunicorn --bind 0.0.0.0:$PORT shop.wsgi:application",
        ),
        (
            {"manage.py": "", "shop/wsgi.py": "", "shop/asgi.py": "", "requirements.txt": "django\nuvicorn\n"},
            "exec uvicorn --host 0.0.0.0 --port $PORT shop.asgi:application",
        ),
        (
            {"main.py": "api = FastAPI()\n", "requirements.txt": "fastapi[standard]\n"},
            "exec uvicorn --host 0.0.0.0 --port $PORT main:api",
        ),
        (
            {"manage.py": "", "shop/wsgi.py": "", "requirements.txt": "django\n"},
            "exec python3 manage.py runserver --noreload 0.0.0.0:$PORT",
        ),
        ({"server.py": "", "requirements.txt": ""}, "exec python3 server.py"),
        ({"app.py": FLASK, "requirements.txt": "flask-gunicorn-like\n"}, "exec python3 app.py"),
        ({"other.py": "", "requirements.txt": ""}, None),
        ({"Procfile": "worker: x", "app.py": FLASK, "requirements.txt": "flask"}, None),
    ],
)
def test_the_start_command_is_guessed_as_people_would(
    tmp_path: Path, files: dict[str, str], command: str | None
) -> None:
    for name, text in files.items():
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_text(text)
    answer = subprocess.run([str(BIN / "release"), str(tmp_path)], capture_output=True, text=True, check=True)
    assert json.loads(answer.stdout) == {"default_process_types": {"web": command} if command else {}}


def test_every_script_of_a_built_in_buildpack_is_a_program() -> None:
    scripts = [path for path in BUILDPACKS.glob("*/bin/*") if path.is_file()]
    assert len(scripts) >= 12
    assert [path for path in scripts if not os.access(path, os.X_OK)] == []
