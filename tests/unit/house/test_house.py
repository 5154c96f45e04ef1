"""The house's own rules: which room may import which, how large a file may grow, what pure code may not touch."""

import ast
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[3]
PACKAGES = ("chalicelib", "dea_agent", "router", "infra", "zf")
MAX_LINES = 400

#: room -> rooms of ours that it may import. Arrows point one way (docs/architecture.md).
ARROWS = {
    "chalicelib.contracts": {"chalicelib.contracts"},
    "chalicelib.core": {"chalicelib.core", "chalicelib.contracts"},
    "chalicelib.adapters": {"chalicelib.adapters", "chalicelib.contracts", "chalicelib.core"},
    "chalicelib.tables": {"chalicelib.tables", "chalicelib.adapters", "chalicelib.contracts", "chalicelib.core"},
    "chalicelib.services": {
        "chalicelib.services",
        "chalicelib.tables",
        "chalicelib.adapters",
        "chalicelib.contracts",
        "chalicelib.core",
        "chalicelib.bootstrap",
        "chalicelib.config",
    },
    "dea_agent": {"dea_agent", "chalicelib.contracts", "chalicelib.core", "chalicelib.adapters"},
    "router": {"router", "chalicelib.contracts", "chalicelib.core", "chalicelib.adapters"},
    "zf": {"zf", "infra.local", "infra.cloud", "chalicelib.core"},
}

#: What core may not import: time, chance and the outside are arguments there.
IMPURE = {"time", "datetime", "random", "uuid", "os", "socket", "subprocess", "logging", "boto3", "chalice", "secrets"}


def sources(*packages: str) -> Iterator[Path]:
    for package in packages:
        yield from sorted((ROOT / package).rglob("*.py"))


def imported(path: Path) -> Iterator[str]:
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def is_within(module: str, room: str) -> bool:
    return module == room or module.startswith(f"{room}.")


@pytest.mark.parametrize("room", ARROWS)
def test_arrows_point_one_way(room: str) -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in sources(room.replace(".", "/"))
        for module in imported(path)
        if module.partition(".")[0] in PACKAGES
        and "." in module
        and not any(is_within(module, allowed) for allowed in ARROWS[room])
        and not any(is_within(allowed, module) for allowed in ARROWS[room])
    ]
    assert wrong == []


def test_core_is_pure() -> None:
    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in sources("chalicelib/core")
        for module in imported(path)
        if module.partition(".")[0] in IMPURE
    ]
    assert wrong == []


def test_contracts_need_the_standard_library_only() -> None:
    import sys

    wrong = [
        f"{path.relative_to(ROOT)} imports {module}"
        for path in sources("chalicelib/contracts")
        for module in imported(path)
        if module.partition(".")[0] not in sys.stdlib_module_names and not is_within(module, "chalicelib")
    ]
    assert wrong == []


def test_invariant_8_no_table_is_scanned() -> None:
    """Lists read membership items. pynamodb's ``scan``, botocore's ``scan`` and PartiQL's selects are all there is."""
    ways = {"scan", "execute_statement", "parallel_scan", "rate_limited_scan"}
    scans = [
        f"{path.relative_to(ROOT)}:{node.lineno}"
        for path in sources("chalicelib", "dea_agent", "router")
        for node in ast.walk(ast.parse(path.read_text()))
        if isinstance(node, ast.Attribute) and node.attr in ways
    ]
    assert scans == []


def test_no_file_grows_past_what_one_can_read() -> None:
    long = {
        str(path.relative_to(ROOT)): lines
        for path in [*sources(*PACKAGES, "tests", "benchmarks"), ROOT / "app.py"]
        if (lines := len(path.read_text().splitlines())) > MAX_LINES
    }
    assert long == {}


def test_the_package_that_hosts_import_stays_empty() -> None:
    assert (ROOT / "chalicelib" / "__init__.py").read_text() == ""
