"""``python -m infra.terraform_check``: format, schema and checkov of infra/terraform; what is wrong, then exit 1."""

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

from infra.terraform_check.terraform import BUILD, CONFIGURATION, ROOT, Missing, Refused, run, set_up, validate


def folders() -> list[Path]:
    """Every folder with a configuration: the root, its modules, the examples."""
    return sorted({path.parent for path in CONFIGURATION.rglob("*.tf")})


def format_errors() -> Iterator[str]:
    try:
        run(CONFIGURATION, "fmt", "-check", "-recursive", "-list=true")
    except Refused as error:
        yield from (f"{line}: terraform fmt would change it" for line in str(error).split())


def checkov_errors() -> Iterator[str]:
    """checkov's findings. What is skipped says why where it is skipped."""
    command = [BUILD / "venv" / "bin" / "checkov", "--directory", CONFIGURATION, "--framework", "terraform"]
    options = ["--quiet", "--compact", "--output", "cli", "--skip-download"]
    done = subprocess.run([*command, *options], cwd=ROOT, capture_output=True, text=True, timeout=600, check=False)
    if done.returncode:
        yield done.stdout or done.stderr


def main() -> int:
    try:
        set_up()
    except Missing as error:
        print(error, file=sys.stderr)
        return 1
    wrong = list(format_errors())
    for folder in folders():
        found = validate(folder)
        print(f"{'wrong' if found else 'valid'}  {folder.relative_to(ROOT)}")
        wrong += [f"{folder.relative_to(ROOT)}/{line}" for line in found]
    wrong += checkov_errors()
    for line in wrong:
        print(line, file=sys.stderr)
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
