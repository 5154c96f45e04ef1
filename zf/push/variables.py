"""`((name))` in a manifest, filled from --var and --vars-file."""

import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from zf.client.errors import ManifestError, UsageError
from zf.push import yaml_lines

_VARIABLE = re.compile(r"\(\(([-/.\w]+)\)\)")


def gather(pairs: Sequence[str], files: Sequence[Path]) -> dict[str, Any]:
    """pairs: k=v of --var, which win over files; a later file wins over an earlier one."""
    found: dict[str, Any] = {}
    for file in files:
        try:
            text = file.read_text()
        except (OSError, UnicodeDecodeError) as error:
            raise ManifestError(
                f"Cannot read {file}: {error}", "Give a YAML file of variables: --vars-file FILE"
            ) from None
        value = yaml_lines.read(str(file), text).value
        if not isinstance(value, dict):
            raise ManifestError(f"{file} is not a list of variables", "Write one 'name: value' a line")
        found |= {str(key): one for key, one in value.items()}
    for pair in pairs:
        name, equals, value = pair.partition("=")
        if not equals or not name:
            raise UsageError(f"'{pair}' is not a variable", "Write it as --var name=value")
        found[name] = value
    return found


def fill(document: yaml_lines.Document, values: Mapping[str, Any]) -> Any:
    """The document's value with every variable filled. A value that is one variable keeps the variable's type.

    Raises ManifestError naming the variables that have no value, with the line of the first.
    """
    unknown: dict[str, int] = {}

    def one(match: re.Match[str], path: yaml_lines.Path) -> Any:
        name = match.group(1)
        if name not in values:
            unknown.setdefault(name, document.line(path))
            return match.group()
        return values[name]

    def filled(value: Any, path: yaml_lines.Path) -> Any:
        if isinstance(value, dict):
            return {key: filled(item, (*path, str(key))) for key, item in value.items()}
        if isinstance(value, list):
            return [filled(item, (*path, index)) for index, item in enumerate(value)]
        if not isinstance(value, str):
            return value
        if whole := _VARIABLE.fullmatch(value):
            return one(whole, path)
        return _VARIABLE.sub(lambda match: str(one(match, path)), value)

    result = filled(document.value, ())
    if unknown:
        name, line = next(iter(unknown.items()))
        others = f" (nor have {', '.join(list(unknown)[1:])})" if len(unknown) > 1 else ""
        problem = f"{document.file}:{line}: the variable '{name}' has no value{others}"
        raise ManifestError(problem, f"Give it: --var {name}=VALUE, or --vars-file FILE")
    return result
