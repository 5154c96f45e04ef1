"""``python -m infra.cost``: print the tables; ``--write``: put them into docs/cost.md."""

import sys
from pathlib import Path

from infra.cost.tables import tables

PAGE = Path(__file__).parents[2] / "docs" / "cost.md"
BEGIN, END = "<!-- tables: make cost -->\n", "<!-- end of tables -->\n"


def renewed(page: str) -> str:
    """The page with the tables as they are now. Raises ValueError when it has no place for them."""
    head, begin, rest = page.partition(BEGIN)
    _, end, tail = rest.partition(END)
    if not (begin and end):
        raise ValueError(f"{PAGE} has no place for the tables")
    return f"{head}{BEGIN}\n{tables()}\n{END}{tail}"


if __name__ == "__main__":
    if sys.argv[1:] == ["--write"]:
        PAGE.write_text(renewed(PAGE.read_text()))
    else:
        print(tables())
