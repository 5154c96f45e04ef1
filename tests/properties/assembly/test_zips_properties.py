"""Safety: whatever bytes arrive, they are refused in words or all they name lies inside."""

import contextlib
import io
import os.path

from hypothesis import given
from hypothesis import strategies as st

from chalicelib.core import archive
from chalicelib.core.archive import ArchiveRefused, Entry
from chalicelib.core.zips import PackageZip
from tests.unit.assembly.zipping import link, zipped

PARTS = st.sampled_from(["..", ".", "", "a", "b", "link", "\0", "\\", "ü", "x" * 260])
NAMES = st.lists(PARTS, min_size=1, max_size=5).map("/".join)
GOOD = zipped({"a/b.txt": b"hello" * 50, "a/link": link("b.txt"), "run": (0o100755, b"#!/bin/sh\n")})


@given(NAMES)
def test_a_clean_path_never_leaves(name: str) -> None:
    try:
        path = archive.clean_path(name)
    except ArchiveRefused:
        return
    assert os.path.normpath(path) == path
    assert not path.startswith(("/", "../"))
    assert path != ".."


@given(st.dictionaries(st.sampled_from(["a", "b", "a/b", "a/b/c", "b/c", "d/e/f"]), NAMES, max_size=6))
def test_no_chain_of_links_leads_out(links: dict[str, str]) -> None:
    try:
        archive.check_tree(Entry(path, archive.LINK, 0o777, 1) for path in links)
        for path, target in links.items():
            archive.check_link(path, target)
    except ArchiveRefused:
        return
    for path in links:
        _resolve(path, links)


def _resolve(path: str, links: dict[str, str]) -> None:
    """Walks as the kernel does; fails when a step would leave the root."""
    todo, at, steps = path.split("/"), [""][:0], 0
    while todo and steps < 200:
        part, steps = todo.pop(0), steps + 1
        if part in ("", "."):
            continue
        if part == "..":
            assert at, f"{path} leaves by {links}"
            at.pop()
            continue
        here = "/".join([*at, part])
        if here in links:
            todo = links[here].split("/") + todo
        else:
            at.append(part)


@given(st.lists(st.tuples(st.integers(0, len(GOOD) - 1), st.integers(0, 255)), max_size=8), st.integers(0, len(GOOD)))
def test_a_damaged_zip_is_refused_in_words_or_read(changes: list[tuple[int, int]], cut: int) -> None:
    data = bytearray(GOOD)
    for position, value in changes:
        data[position] = value
    if cut % 3 == 0:
        del data[cut:]
    with contextlib.suppress(ArchiveRefused):
        package = PackageZip(io.BytesIO(bytes(data)))
        for entry in package.entries:
            if entry.size < 10_000_000:
                assert sum(map(len, package.chunks(entry))) == entry.size
