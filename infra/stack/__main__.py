"""``python -m infra.stack``: make the stack's image, or run a command beside an engine that has it.

    python -m infra.stack build            the whole stack
    python -m infra.stack build --small    Python and static files only, for quick tests
    python -m infra.stack with COMMAND...  with an engine and, where none is there yet, the small stack's image
    python -m infra.stack with --whole COMMAND...  with the whole stack's

``with`` installs and starts Debian's engine when it is root and none answers. Where that cannot be, or the machine
lacks what containers need, or the archive does not answer, it says so in one line and ends well: nothing was found to
be wrong.
"""

import argparse
import os
import subprocess
import sys

import docker
from docker.errors import ImageNotFound

from dea_agent.runtimes.docker import IMAGE
from infra.stack.build import BuildError, NoArchive, build
from infra.stack.engine import NoEngine, engine
from infra.stack.probe import probe


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m infra.stack", description="The stack's image, and engines.")
    verbs = parser.add_subparsers(dest="verb", required=True)
    maker = verbs.add_parser("build", help="make the image")
    maker.add_argument("--small", action="store_true", help="Python and static files only")
    runner = verbs.add_parser("with", help="run a command beside an engine")
    runner.add_argument("--whole", action="store_true", help="with every language")
    runner.add_argument("command", nargs=argparse.REMAINDER)
    asked = parser.parse_args()
    try:
        with engine(may_install=True) as variables:
            os.environ.update(variables)
            if asked.verb == "build":
                print(build(asked.small))
                return 0
            if asked.whole or not _has_image():
                print(build(is_small=not asked.whole), flush=True)
            probe()
            return subprocess.run(asked.command, check=False).returncode
    except (NoEngine, NoArchive) as problem:
        print(f"No containers here, nothing done: {problem}")
        return 0 if asked.verb == "with" else 1
    except BuildError as problem:
        print(problem, file=sys.stderr)
        return 1


def _has_image() -> bool:
    try:
        docker.from_env().images.get(IMAGE)
    except ImageNotFound:
        return False
    return True


if __name__ == "__main__":
    sys.exit(main())
