"""``python -m infra.iam``: write infra/iam/policies from the table.

``python -m infra.iam check FOLDER``: compare recorded calls with them.
"""

import json
import sys
from pathlib import Path

from infra.iam.compare import compare
from infra.iam.render import rendered
from infra.iam.table import PARTS

POLICIES = Path(__file__).parent / "policies"


def main(arguments: list[str]) -> int:
    if arguments[:1] == ["check"]:
        lines = {
            tuple(json.loads(line))
            for file in Path(arguments[1]).glob("*.jsonl")
            for line in file.read_text().splitlines()
        }
        found = compare(PARTS, lines)
        for line in (*found.refused, *found.unused):
            print(line)
        print(
            f"{found.calls} kinds of call by {found.parts} parts: {len(found.refused)} refused; "
            f"{found.grants} grants: {len(found.unused)} unused"
        )
        return 1 if found.refused or found.unused else 0
    POLICIES.mkdir(exist_ok=True)
    for name, text in rendered(PARTS).items():
        (POLICIES / name).write_text(text)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
