"""One app to be pushed, and where a manifest is looked for. Apart from manifest.py, which needs yaml (80 ms)."""

from dataclasses import dataclass
from pathlib import Path
from typing import Any

NAMES = ("manifest.yml", "manifest.yaml")


@dataclass(frozen=True, slots=True)
class AppSpec:
    """body: the app for apply_manifest, without `path`. path: the folder or archive to push."""

    name: str
    body: dict[str, Any]
    path: Path


def find(where: Path) -> Path | None:
    """The manifest in a folder."""
    return next((where / name for name in NAMES if (where / name).is_file()), None)
