"""infra/terraform as data, read by python-hcl2."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import hcl2

from tests.unit.house.test_house import ROOT

CONFIGURATION = ROOT / "infra" / "terraform"

#: Folders that are modules: the root, and those that it calls.
MODULES = [CONFIGURATION, *sorted(path for path in (CONFIGURATION / "modules").iterdir() if path.is_dir())]
EXAMPLES = sorted(path for path in (CONFIGURATION / "examples").iterdir() if path.is_dir())


@dataclass(frozen=True)
class Block:
    """kind: resource, variable, ...; labels: what stands in quotes behind it; body: its arguments and blocks."""

    folder: Path
    kind: str
    labels: tuple[str, ...]
    body: dict[str, Any]

    def __str__(self) -> str:
        return ".".join([self.folder.name, self.kind, *self.labels])


def name_of(folder: Path) -> str:
    return folder.name if folder != CONFIGURATION else "root"


@cache
def blocks(folder: Path) -> tuple[Block, ...]:
    """Everything at the top level of a folder's files, Terraform's JSON files apart."""
    return tuple(block for path in sorted(folder.glob("*.tf")) for block in _blocks(folder, _plain(_load(path))))


def of_kind(kind: str, *folders: Path) -> list[Block]:
    return [block for folder in folders for block in blocks(folder) if block.kind == kind]


def text_of(folder: Path) -> str:
    return "\n".join(path.read_text() for path in sorted(folder.glob("*.tf")))


def _load(path: Path) -> dict[str, Any]:
    with path.open() as file:
        return dict(hcl2.load(file))


def _blocks(folder: Path, document: dict[str, Any]) -> Iterator[Block]:
    for kind, bodies in document.items():
        if kind.startswith("__"):
            continue  # comments
        for body in bodies:
            yield from _labelled(folder, kind, (), body)


def _labelled(folder: Path, kind: str, labels: tuple[str, ...], body: dict[str, Any]) -> Iterator[Block]:
    if "__is_block__" in body:
        yield Block(folder, kind, labels, body)
        return
    for label, inner in body.items():
        yield from _labelled(folder, kind, (*labels, label), inner)


def _plain(value: Any) -> Any:
    """Without the quotes that python-hcl2 leaves around texts."""
    if isinstance(value, dict):
        return {_plain(key): _plain(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_plain(inner) for inner in value]
    if isinstance(value, str):
        return re.sub(r'^"(.*)"$', r"\1", value, flags=re.S)
    return value
