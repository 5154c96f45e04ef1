"""``python -m infra.openapi``: write the API's description and the table of what clients use of it."""

import json
from pathlib import Path

from chalicelib.api.openapi import PATH
from infra.openapi.coverage import coverage
from infra.openapi.document import document, endpoints

COVERAGE = Path(__file__).parents[2] / "docs" / "api-coverage.md"


def written() -> dict[Path, str]:
    """Path -> what it is to hold."""
    found = list(endpoints())
    return {PATH: _described(document(found)), COVERAGE: coverage(found)}


def _described(found: dict[str, object]) -> str:
    """Compact, since a function carries it; one path per line, so that differences can be read."""
    paths = found.pop("paths")
    assert isinstance(paths, dict)
    lines = ",\n".join(f"{json.dumps(path)}:{_compact(methods)}" for path, methods in paths.items())
    return f'{_compact(found)[:-1]},\n"paths":{{\n{lines}\n}}}}\n'


def _compact(value: object) -> str:
    return json.dumps(value, separators=(",", ":"), ensure_ascii=False)


if __name__ == "__main__":
    for path, text in written().items():
        path.write_text(text)
