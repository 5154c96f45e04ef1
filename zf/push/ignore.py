"""Which files stay at home: Cloud Foundry's defaults, then the lines of .cfignore with gitignore's meaning."""

from collections.abc import Callable
from pathlib import Path

from zf.client.errors import FilesError

DEFAULTS = (".cfignore", "_darcs", ".DS_Store", ".git", ".gitignore", ".hg", "manifest.yml", ".svn")

#: (name with slashes, whether it is a folder) -> left out
Ignored = Callable[[str, bool], bool]


def read_ignore(root: Path) -> list[str]:
    try:
        return (root / ".cfignore").read_text().splitlines()
    except (FileNotFoundError, IsADirectoryError):
        return []
    except (OSError, UnicodeDecodeError) as error:
        raise FilesError(f"Cannot read .cfignore: {error}", "It must be UTF-8 text") from None


def ignored_by(lines: list[str]) -> Ignored:
    """Asked from the root downwards: what lies in a folder that is left out is never asked for.

    A later line wins, so `!.gitignore` takes a default back.
    """
    if not any(line.strip() and not line.startswith("#") for line in lines):
        # No rules of the user's own: no need to import pathspec (60 ms).
        names = frozenset(DEFAULTS)
        return lambda name, is_folder: name.rpartition("/")[2] in names
    from pathspec import GitIgnoreSpec

    try:
        spec = GitIgnoreSpec.from_lines([*DEFAULTS, *lines])
    except ValueError as error:
        raise FilesError(
            f"A line of .cfignore is no pattern: {error}", "Its lines mean what they mean in .gitignore"
        ) from None
    return lambda name, is_folder: spec.match_file(f"{name}/" if is_folder else name)
