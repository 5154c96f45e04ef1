"""``python -m infra.cost``: print the tables; ``--write``: put them into docs/cost.md and docs/scale.md."""

import sys
from collections.abc import Callable
from pathlib import Path

from infra.cost.tables import limit_table, tables

DOCS = Path(__file__).parents[2] / "docs"
PAGES: dict[Path, Callable[[], str]] = {DOCS / "cost.md": tables, DOCS / "scale.md": limit_table}
BEGIN, END = "<!-- tables: make cost -->\n", "<!-- end of tables -->\n"


def renewed(page: str, made: str) -> str:
    """The page with the tables as they are now. Raises ValueError when it has no place for them."""
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"a page has no place for its tables, between {BEGIN!r} and {END!r}")
    return f"{head}{BEGIN}\n{made}\n{END}{tail}"


if __name__ == "__main__":
    for path, make in PAGES.items():
        if sys.argv[1:] == ["--write"]:
            path.write_text(renewed(path.read_text(), make()))
        else:
            print(make())
