# shellcheck shell=bash
# For the scripts of the built-in buildpacks, which source it: what they say, who they are, how the app starts.

common=$(cd "$(dirname "${BASH_SOURCE[0]}")" && pwd)

step() { echo "-----> $*"; }
say() { echo "       $*"; }
indent() { sed -u 's/^/       /'; }

# The last words of a build, so they name the way out.
fail() {
  echo "       $*" >&2
  exit 1
}

# identify NAME TARGET: what the droplet's record says of the buildpack.
identify() {
  mkdir -p "$2/bin" "$2/profile.d"
  printf 'name: %s\nversion: "1.0"\n' "$1" > "$2/config.yml"
}

# start_web BUILD TARGET COMMAND: unless the app says itself how it starts.
start_web() {
  [ -f "$1/Procfile" ] && return
  say "Starts with: $3"
  printf 'processes:\n- type: web\n  command: |-\n    %s\n' "$3" > "$2/launch.yml"
}

# choose LANGUAGE FILE WISH OFFERED...: prints the newest version that is offered and wished for; fails with the list.
choose() { /usr/bin/python3 -I "$common/versions.py" "$@"; }
