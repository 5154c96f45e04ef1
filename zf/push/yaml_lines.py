"""YAML that remembers where each value stands, so that an error can name its line. Anchors and merges work."""

from dataclasses import dataclass
from typing import Any

import yaml

from zf.client.errors import ManifestError

#: A manifest is small; this is more than a hundred apps.
LARGEST = 1 << 20
DEEPEST = 40

Path = tuple[str | int, ...]


@dataclass(frozen=True, slots=True)
class Document:
    """lines: of each value, by its path from the root, from 1. texts: scalars as they are written."""

    file: str
    value: Any
    lines: dict[Path, int]
    texts: dict[Path, str]

    def line(self, path: Path) -> int:
        """The line of `path`, or of the nearest thing around it."""
        while path and path not in self.lines:
            path = path[:-1]
        return self.lines.get(path, 1)


def read(file: str, text: str) -> Document:
    """Raises ManifestError with the line when it is no YAML, or a key stands twice in one mapping."""
    if len(text) > LARGEST:
        raise ManifestError(
            f"{file} is larger than 1 MB", "A manifest lists apps; their files belong into their folders"
        )
    try:
        loader = yaml.SafeLoader(text)
        root = loader.get_single_node()
        if root is None:
            return Document(file, None, {}, {})
        lines: dict[Path, int] = {(): 1}
        texts: dict[Path, str] = {}
        _note(file, root, (), lines, texts)
        return Document(file, loader.construct_document(root), lines, texts)
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark or error.context_mark
        where = f"{file}:{mark.line + 1}" if mark else file
        way = "Indent with spaces, not tabs" if "'\\t'" in str(error.problem) else "Correct that line and push again"
        raise ManifestError(f"{where}: this is not YAML: {error.problem}", way) from None
    except yaml.YAMLError as error:
        raise ManifestError(
            f"{file}: this is not YAML: {str(error).splitlines()[0]}", "Save it as UTF-8 text"
        ) from None


def _note(file: str, node: yaml.Node, path: Path, lines: dict[Path, int], texts: dict[Path, str]) -> None:
    if len(path) > DEEPEST:
        line = node.start_mark.line + 1
        raise ManifestError(f"{file}:{line}: this is nested too deeply, or refers to itself", "Check the anchors")
    if isinstance(node, yaml.SequenceNode):
        for index, item in enumerate(node.value):
            lines[*path, index] = item.start_mark.line + 1
            _note(file, item, (*path, index), lines, texts)
    elif isinstance(node, yaml.MappingNode):
        _note_mapping(file, node, path, lines, texts)
    elif isinstance(node, yaml.ScalarNode):
        texts[path] = node.value


def _note_mapping(
    file: str, node: yaml.MappingNode, path: Path, lines: dict[Path, int], texts: dict[Path, str]
) -> None:
    merged = [value for key, value in node.value if key.tag == "tag:yaml.org,2002:merge"]
    for value in merged:  # first, for the mapping's own keys win
        for source in value.value if isinstance(value, yaml.SequenceNode) else [value]:
            _note(file, source, path, lines, texts)
    own: dict[str, int] = {}
    for key, value in node.value:
        if key.tag == "tag:yaml.org,2002:merge" or not isinstance(key, yaml.ScalarNode):
            continue
        line = key.start_mark.line + 1
        if key.value in own:
            raise ManifestError(
                f"{file}:{line}: '{key.value}' is given twice, first in line {own[key.value]}", "Keep one of them"
            )
        own[key.value] = lines[*path, key.value] = line
        _note(file, value, (*path, key.value), lines, texts)
