"""Buildpacks as their authors elsewhere write them: Heroku's, which compile, and Cloud Foundry's, which supply and
finalize, in chains."""

from pathlib import Path

import pytest

from tests.functional.staging.conftest import Desk, running
from tests.functional.staging.test_custom_buildpacks import SERVE

#: After Heroku's manual: variables from ENV_DIR, its own folder written to, a library beside bin, YAML in a document.
HEROKU: dict[str, str | bytes] = {
    "bin/detect": '#!/usr/bin/env bash\nif [[ -f "$1/hello.conf" ]]; then echo "Hello 2"; exit 0; fi\nexit 1\n',
    "bin/compile": r"""#!/usr/bin/env bash
set -eo pipefail

BUILD_DIR=${1:-}
CACHE_DIR=${2:-}
ENV_DIR=${3:-}
BP_DIR=$(cd "$(dirname "${0:-}")/.."; pwd)
source "$BP_DIR/lib/output.sh"

export_env_dir() {
  for e in $(ls "$ENV_DIR"); do
    echo "$e" | grep -qvE '^(PATH|GIT_DIR|CPATH|CPPATH|LD_PRELOAD|LIBRARY_PATH)$' && export "$e=$(cat "$ENV_DIR/$e")"
    :
  done
}
export_env_dir

header "Installing hello"
mkdir -p "$CACHE_DIR/hello" "$BUILD_DIR/.hello/bin" "$BUILD_DIR/.profile.d"
if [ -f "$CACHE_DIR/hello/hello" ]; then
  info "Using the cached hello"
else
  printf '#!/bin/sh\necho "hello %s"\n' "${GREETED:-nobody}" > "$CACHE_DIR/hello/hello"
  chmod +x "$CACHE_DIR/hello/hello"
fi
cp "$CACHE_DIR/hello/hello" "$BUILD_DIR/.hello/bin/"
echo 'export PATH="$HOME/.hello/bin:$PATH"' > "$BUILD_DIR/.profile.d/000_hello.sh"
echo "export PATH=\"$BUILD_DIR/.hello/bin:\$PATH\"" > "$BP_DIR/export"
""",
    "lib/output.sh": 'header() { echo "-----> $*"; }\ninfo() { echo "       $*"; }\n',
    "bin/release": """#!/usr/bin/env bash
cat <<EOF
---
addons: []
default_process_types:
  web: ./serve.sh
EOF
""",
}

#: After Cloud Foundry's libbuildpack: programs, libraries, headers and a profile below DEPS_DIR/INDEX.
SUPPLY = r"""#!/bin/bash
set -euo pipefail
BUILD_DIR=$1
CACHE_DIR=$2
DEPS_DIR=$3
DEPS_IDX=$4
BUILDPACK_DIR=$(readlink -f "${BASH_SOURCE%/*}/..")
VERSION=$(cat "$BUILDPACK_DIR/VERSION")
echo "-----> Installing NAME $VERSION"
[ -d "$BUILD_DIR" ] && [ -d "$CACHE_DIR" ]
seen="$(command -v one || true) ${LD_LIBRARY_PATH:-none} ${CPATH:-none}"
echo "       NAME sees ${seen//$DEPS_DIR\//}"
mkdir -p "$DEPS_DIR/$DEPS_IDX"/{bin,lib,include,profile.d}
printf '#!/bin/sh\necho NAME %s\n' "$VERSION" > "$DEPS_DIR/$DEPS_IDX/bin/NAME"
chmod 755 "$DEPS_DIR/$DEPS_IDX/bin/NAME"
echo "export NAME_HOME=\$DEPS_DIR/$DEPS_IDX" > "$DEPS_DIR/$DEPS_IDX/profile.d/NAME.sh"
printf -- '---\nname: NAME\nconfig: {}\nversion: "%s"\n' "$VERSION" > "$DEPS_DIR/$DEPS_IDX/config.yml"
"""


def v3(name: str, version: str, **more: str) -> dict[str, str | bytes]:
    return {
        "VERSION": version,
        "manifest.yml": f"---\nlanguage: {name}\ndependencies: []\n",
        "bin/detect": "#!/bin/bash\nexit 1\n",
        "bin/supply": SUPPLY.replace("NAME", name),
        **{f"bin/{script}": text for script, text in more.items()},
    }


#: Its own script for the start, as libbuildpack writes it, and processes in launch.yml.
FINALIZE = """#!/bin/bash
set -euo pipefail
BUILD_DIR=$1 CACHE_DIR=$2 DEPS_DIR=$3 DEPS_IDX=$4 PROFILE_DIR=$5
one && two && three
cat > "$PROFILE_DIR/000_multi-supply.sh" <<'EOF'
export PATH=$DEPS_DIR/0/bin:$DEPS_DIR/1/bin:$DEPS_DIR/2/bin:$PATH
for file in $DEPS_DIR/*/profile.d/*.sh; do source $file; done
EOF
cat > "$DEPS_DIR/$DEPS_IDX/launch.yml" <<'EOF'
---
processes:
- type: web
  command: ./serve.sh
- type: worker
  command: three
EOF
"""

APP: dict[str, str | bytes] = {
    "hello.conf": "",
    "serve.sh": SERVE.replace("greet >>", "for p in hello one two three; do $p; done >>"),
}


def test_a_heroku_buildpack_may_write_into_its_own_folder_and_no_other_build_sees_it(
    desk: Desk, open_folder: Path
) -> None:
    installed = (desk.installed("hello", HEROKU),)
    for greeted in ("you", "others"):
        finished = desk.stage(desk.request(APP, env={"GREETED": greeted}, installed=installed))
        assert finished.droplet is not None, f"{finished.error_detail} {desk.log}"
    assert "       Using the cached hello" in desk.log
    assert finished.droplet is not None
    assert finished.droplet.buildpacks[0].detect_output == "Hello 2"
    with running(desk.unpacked(finished, open_folder), finished.droplet.process_types["web"]) as get:
        assert "hello you\n" in get("/env")
    assert not list((open_folder / "cache" / "installed").glob("*/export"))


def test_a_chain_of_cloud_foundrys_buildpacks_hands_on_what_each_supplies(desk: Desk, open_folder: Path) -> None:
    installed = (
        desk.installed("two_buildpack", v3("two", "2.0.0")),
        desk.installed("three_buildpack", v3("three", "3.0.0", finalize=FINALIZE)),
        desk.installed("one_buildpack", v3("one", "1.0.0")),
    )
    finished = desk.stage(desk.request(APP, "one", "two", "three_buildpack", installed=installed))
    assert finished.droplet is not None, f"{finished.error_detail} {desk.log}"
    used = [(used.buildpack_name, used.version) for used in finished.droplet.buildpacks]
    assert used == [("one", "1.0.0"), ("two", "2.0.0"), ("three", "3.0.0")]
    assert finished.droplet.process_types == {"web": "./serve.sh", "worker": "three"}
    said = [line.strip() for _, line in desk.lines]
    order = [said.index(f"-----> Installing {name} {version}") for name, version in used]
    assert order == sorted(order)
    assert "two sees 0/bin/one 0/lib 0/include" in said
    assert "three sees 0/bin/one 0/lib:1/lib 0/include:1/include" in said
    with running(desk.unpacked(finished, open_folder), "./serve.sh") as get:
        env = get("/env").splitlines()
    assert {"one 1.0.0", "two 2.0.0", "three 3.0.0"} <= set(env)
    assert any(line.startswith("two_HOME=") and line.endswith("/deps/1") for line in env)


@pytest.mark.parametrize("last", ["binary", "hello"])
def test_any_style_may_come_last_after_a_supplier(desk: Desk, last: str) -> None:
    installed = (desk.installed("one", v3("one", "1.0.0")), desk.installed("hello", HEROKU))
    app = APP | {"Procfile": "web: ./serve.sh\n"}
    finished = desk.stage(desk.request(app, "one", last, installed=installed))
    assert finished.droplet is not None, f"{finished.error_detail} {desk.log}"
    assert ("has no bin/finalize and may not see what came before it" in desk.log) == (last == "hello")
