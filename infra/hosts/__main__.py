"""``python -m infra.hosts``: what hosts install at boot, in build/hosts.

make hosts-artifacts                 with the image of the stack (make stack), for machines as this one is
make hosts-artifacts STACK=no        without: DEAs run Docker images only
make hosts-artifacts ARCH=arm64 STACK=no
"""

import argparse
import sys
from collections.abc import Iterable
from pathlib import Path

from infra.hosts.build import build
from infra.package.build import this_machine
from infra.package.chalice import ROOT, Refused
from infra.package.contents import PLATFORMS


class NoStack(Exception):
    """The sentence says why, and what to do."""


def stack_image() -> Iterable[bytes]:
    """As `docker save` writes it. Raises NoStack."""
    import docker
    from docker.errors import DockerException, ImageNotFound

    from dea_agent.runtimes.docker import IMAGE

    try:
        client = docker.from_env(timeout=600)
        chunks: Iterable[bytes] = client.images.get(IMAGE).save(named=f"{IMAGE}:latest")
    except ImageNotFound:
        raise NoStack(f"There is no image {IMAGE}: make stack makes it. STACK=no leaves it out.") from None
    except DockerException as error:
        raise NoStack(f"No Docker engine answers ({error}), so there is no image. STACK=no leaves it out.") from None
    return chunks


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m infra.hosts", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    here = this_machine().architecture
    parser.add_argument("--arch", choices=sorted(PLATFORMS), default=here, help=f"of the hosts; here it is {here}")
    parser.add_argument("--no-stack", action="store_true", help="leave out the image that staged apps run in")
    parser.add_argument("--out", type=Path, default=ROOT / "build" / "hosts", metavar="FOLDER")
    asked = parser.parse_args(arguments)
    if asked.arch != here and not asked.no_stack:
        parser.error(f"the image of the stack can be made on a machine of {asked.arch} only; --no-stack leaves it out")
    try:
        told = build(asked.arch, None if asked.no_stack else stack_image(), asked.out, print)
    except (Refused, NoStack) as error:
        print(error, file=sys.stderr)
        return 1
    sizes = {path.name: f"{path.stat().st_size / 1e6:.0f} MB" for path in sorted(asked.out.glob("*.tar.gz"))}
    print(f"{asked.out}: {sizes}, for {told['architecture']}")
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
