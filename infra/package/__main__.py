"""``python -m infra.package``: the functions' archive, and the Terraform of it.

make package                          arm64, Python 3.13: build/package/functions.zip and functions.json
make package ARCH=x86_64 PY=3.12
make package HERE=1                   for this machine, to try it: build/package-here
"""

import argparse
import sys
from pathlib import Path

from infra.package import build, module
from infra.package.chalice import ROOT, Refused
from infra.package.contents import PLATFORMS


def main(arguments: list[str]) -> int:
    parser = argparse.ArgumentParser(
        prog="python -m infra.package", description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--arch", choices=sorted(PLATFORMS), default="arm64", help="what Lambda runs it on")
    parser.add_argument("--python", default="3.13", metavar="X.Y", help="Lambda's Python")
    parser.add_argument("--interpreter", default="", metavar="PATH", help="a Python of that version, to compile with")
    parser.add_argument("--here", action="store_true", help="for this machine and its Python")
    parser.add_argument("--out", type=Path, metavar="FOLDER", help="instead of build/package or build/package-here")
    asked = parser.parse_args(arguments)
    if asked.interpreter and build.interpreter_of(asked.python, asked.interpreter) is None:
        parser.error(f"{asked.interpreter} is no Python {asked.python}")
    if asked.here:
        target = build.this_machine()
    else:
        target = build.Target(asked.arch, asked.python, build.interpreter_of(asked.python, asked.interpreter))
    out = asked.out or ROOT / "build" / ("package-here" if asked.here else "package")
    try:
        told = build.build(target, out)
        module.write()
    except Refused as error:
        print(error, file=sys.stderr)
        return 1
    print(
        f"{out / 'functions.zip'}: {told['bytes'] / 1e6:.1f} MB ({told['unpacked_bytes'] / 1e6:.1f} MB unpacked), "
        f"{target.architecture}, {target.runtime}, {len(told['wheels'])} packages, {len(told['natives'])} native files"
    )
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
