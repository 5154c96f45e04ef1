"""manifest.yml: read, checked key by key with the line of each mistake, and made ready for apply_manifest."""

import json
from collections.abc import Mapping
from difflib import get_close_matches
from pathlib import Path
from typing import Any

from zf.client.errors import ManifestError
from zf.push import yaml_lines
from zf.push.manifest_keys import APP_KEYS, PROCESS_KEYS, Check
from zf.push.spec import AppSpec
from zf.push.variables import fill


def load(file: Path, variables: Mapping[str, Any]) -> tuple[AppSpec, ...]:
    """Raises ManifestError. An app without `path` lies in the manifest's folder."""
    try:
        text = file.read_text()
    except (OSError, UnicodeDecodeError) as error:
        reason = error.strerror if isinstance(error, OSError) else "it is not UTF-8 text"
        raise ManifestError(f"Cannot read {file}: {reason}", "Name the manifest: zf push -f FILE") from None
    return parse(str(file), text, variables, file.parent)


def parse(file: str, text: str, variables: Mapping[str, Any], folder: Path) -> tuple[AppSpec, ...]:
    document = yaml_lines.read(file, text)
    value = fill(document, variables)
    if not isinstance(value, dict):
        raise ManifestError(f"{file}: there is no list of applications in it", _EXAMPLE)
    checker = _Checker(document)
    checker.check_top(value)
    apps = []
    for index, raw in enumerate(value.get("applications") or ()):
        if isinstance(raw, dict):
            checker.check_app(raw, ("applications", index))
            apps.append(raw)
        else:
            checker.problem(("applications", index), "an application is a mapping that begins with '- name: NAME'")
    checker.check_names(apps)
    checker.finish()
    return tuple(_spec(document, index, raw, folder) for index, raw in enumerate(apps))


class _Checker:
    """Collects what is wrong; the first is told, the lines of the others hinted at."""

    def __init__(self, document: yaml_lines.Document) -> None:
        self._document = document
        self._problems: list[tuple[int, str]] = []

    def problem(self, path: yaml_lines.Path, text: str) -> None:
        self._problems.append((self._document.line(path), text))

    def finish(self) -> None:
        if not self._problems:
            return
        (line, text), *others = sorted(self._problems)
        lines = ", ".join(str(number) for number in sorted({number for number, _ in others}))
        more = f"; {len(others)} more problem{'s' if len(others) > 1 else ''} in line {lines}" if others else ""
        raise ManifestError(f"{self._document.file}:{line}: {text}", f"Correct line {line} and push again{more}")

    def check_top(self, value: dict[Any, Any]) -> None:
        """Other keys than these hold anchors, which is fine, unless they are an app's."""
        for key in value:
            if key in APP_KEYS and key != "name":
                self.problem((key,), f"'{key}' belongs to an application, not to the top level")
        applications = value.get("applications")
        if not isinstance(applications, list) or not applications:
            near = [key for key in value if get_close_matches(str(key), ["applications"])]
            told = f"; is '{near[0]}' meant?" if near and applications is None else ""
            self.problem(("applications",), f"there is no list of applications{told}")
            self.finish()

    def check_app(self, raw: dict[Any, Any], path: yaml_lines.Path) -> None:
        if "name" not in raw:
            self.problem((*path, "name"), "an application needs a name: NAME")
        self._check_keys(raw, path, APP_KEYS)
        for index, process in enumerate(raw.get("processes") or ()):
            where = (*path, "processes", index)
            if isinstance(process, dict) and isinstance(process.get("type"), str):
                self._check_keys(process, where, PROCESS_KEYS)
            else:
                self.problem(where, "a process is a mapping with a type: TYPE")
        if raw.get("no-route") and (raw.get("routes") or raw.get("random-route")):
            self.problem((*path, "no-route"), "'no-route' contradicts 'routes' and 'random-route'")
        if "buildpack" in raw and "buildpacks" in raw:
            self.problem((*path, "buildpack"), "'buildpack' and 'buildpacks' are given; keep 'buildpacks'")

    def check_names(self, apps: list[dict[Any, Any]]) -> None:
        first: dict[str, int] = {}
        for index, raw in enumerate(apps):
            name, path = raw.get("name"), ("applications", index, "name")
            if isinstance(name, str) and name in first:
                self.problem(path, f"the app name '{name}' is used twice, first in line {first[name]}")
            elif isinstance(name, str):
                first[name] = self._document.line(path)

    def _check_keys(self, raw: dict[Any, Any], path: yaml_lines.Path, known: Mapping[str, Check]) -> None:
        """A key that is only unknown is passed on: the API may be newer, and warns if it is not."""
        for key, value in raw.items():
            where = (*path, str(key))
            if key in known:
                if wrong := known[key](value):
                    self.problem(where, f"'{key}' is {_shown(value)}; it must be {wrong}")
            elif near := get_close_matches(str(key), known, n=1, cutoff=0.75):
                self.problem(where, f"there is no key '{key}'; is '{near[0]}' meant?")


def _spec(document: yaml_lines.Document, index: int, raw: dict[str, Any], folder: Path) -> AppSpec:
    body = {key: value for key, value in raw.items() if key != "path"}
    if "env" in body:
        body["env"] = {
            str(name): _env_text(value, document.texts.get(("applications", index, "env", str(name))))
            for name, value in (body["env"] or {}).items()
        }
    return AppSpec(raw["name"], body, folder / raw["path"] if raw.get("path") else folder)


def _env_text(value: Any, written: str | None) -> str | None:
    """Variables are texts: what YAML takes for a number or a date stays as it is written (1.10 is not 1.1)."""
    if value is None or isinstance(value, str):
        return value
    if isinstance(value, dict | list):
        return json.dumps(value, default=str)
    if isinstance(value, bool):
        return str(value).lower()
    return written if written and "((" not in written else str(value)


def _shown(value: Any) -> str:
    text = json.dumps(value, default=str, ensure_ascii=False)
    return text if len(text) <= 40 else text[:37] + "..."


_EXAMPLE = "Begin with 'applications:' and '- name: NAME' below it"
