"""``python -m infra.iam``: write infra/iam/policies from the table.

``python -m infra.iam check FOLDER [--add] [--write]``: compare recorded calls with them; --add adds those that stand in
infra/iam/recorded.json already, --write makes it anew.
"""

import json
import sys
from pathlib import Path

from infra.iam.compare import Recorded, compare
from infra.iam.record import compact, expanded
from infra.iam.render import rendered
from infra.iam.table import PARTS

POLICIES = Path(__file__).parent / "policies"
RECORD = Path(__file__).parent / "recorded.json"


def main(arguments: list[str]) -> int:
    match arguments:
        case []:
            POLICIES.mkdir(exist_ok=True)
            for name, text in rendered(PARTS).items():
                (POLICIES / name).write_text(text)
            return 0
        case ["check", folder, *options] if {*options} <= {"--add", "--write"}:
            return check(Path(folder), "--add" in options, "--write" in options)
        case _:
            print(__doc__, file=sys.stderr)
            return 2


def check(folder: Path, add: bool, write: bool) -> int:
    """Prints what is refused and what is granted for nothing; 1 if there is any, or if nothing was recorded."""
    lines: set[Recorded] = {
        tuple(json.loads(line)) for file in folder.glob("*.jsonl") for line in file.read_text().splitlines()
    }
    if not lines:
        print(f"there is nothing recorded in {folder}", file=sys.stderr)
        return 1
    if add:
        lines |= expanded(json.loads(RECORD.read_text()))
    if write:
        RECORD.write_text(json.dumps(compact(lines), indent=1) + "\n")
    found = compare(PARTS, lines)
    for line in (*found.refused, *found.unused):
        print(line)
    print(
        f"{found.calls} kinds of call by {found.parts} parts: {len(found.refused)} refused; "
        f"{found.grants} grants, {found.excepted} of them for what no test does: {len(found.unused)} unused"
    )
    return 1 if found.refused or found.unused else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
