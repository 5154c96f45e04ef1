"""Buildpacks: what turns files into apps, and in which order they are asked."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict
from pathlib import Path
from typing import IO, TYPE_CHECKING, Any

import click

from zf.client.errors import FilesError, UsageError, ZfError
from zf.command import Invocation, command
from zf.commands.common import delete, force, listed, working

if TYPE_CHECKING:
    from zf.client.operator import Buildpack


@command("buildpacks", "zf buildpacks")
def buildpacks(it: Invocation) -> None:
    """List the buildpacks in the order in which they are asked."""
    found = it.operator.buildpacks()
    it.console.result([asdict(one) for one in found])
    rows = [
        [
            str(one.position),
            one.name,
            one.stack or "any",
            "yes" if one.enabled else "no",
            "yes" if one.locked else "no",
            one.filename or "none yet",
        ]
        for one in found
    ]
    columns = ["[position]", "name", "stack", "enabled", "locked", "file"]
    listed(it, columns, rows, "There are no buildpacks. Install one: zf create-buildpack NAME ZIP")


@command(
    "create-buildpack",
    "zf create-buildpack rust_buildpack rust_buildpack.zip",
    "zf create-buildpack rust_buildpack ./rust_buildpack 3 --disable",
)
@click.argument("name", metavar="BUILDPACK")
@click.argument("path", metavar="ZIP")
@click.argument("position", type=click.IntRange(min=1), default=1)
@click.option("-s", "--stack", help="The only stack it works on.")
@click.option("--disable", is_flag=True, help="Not to be asked yet.")
def create_buildpack(it: Invocation, name: str, path: str, position: int, stack: str | None, disable: bool) -> None:
    """Install a buildpack from a zip or a folder, at a place in the order of those that are asked (the first)."""
    with _bits(path) as bits:
        wanted: dict[str, Any] = {"name": name, "position": position, "enabled": not disable}
        made = it.operator.create_buildpack(wanted | ({"stack": stack} if stack else {}))
        try:
            _upload(it, made, path, bits)
        except ZfError:
            it.operator.delete_buildpack(made)  # without files it would only be in the way of the next try
            raise
    it.console.say(f"Buildpack {name} is installed. See the order: zf buildpacks")
    it.console.result(asdict(it.operator.buildpack(name)))


@command(
    "update-buildpack",
    "zf update-buildpack rust_buildpack -p rust_buildpack.zip",
    "zf update-buildpack rust_buildpack -i 1 --enable --unlock",
    "zf update-buildpack rust_buildpack --rename rust",
)
@click.argument("name", metavar="BUILDPACK")
@click.option("-p", "--path", metavar="ZIP", help="Its new files: a zip or a folder.")
@click.option("-i", "--position", type=click.IntRange(min=1), help="Its place in the order.")
@click.option("--enable/--disable", "enabled", default=None, help="Whether it is asked.")
@click.option("--lock/--unlock", "locked", default=None, help="Whether its files may be replaced.")
@click.option("--rename", metavar="NAME", help="Its new name.")
def update_buildpack(
    it: Invocation,
    name: str,
    path: str | None,
    position: int | None,
    enabled: bool | None,
    locked: bool | None,
    rename: str | None,
) -> None:
    """Change a buildpack, or its files; droplets that exist stay as they are."""
    given = {"position": position, "enabled": enabled, "locked": locked, "name": rename}
    changes = {key: value for key, value in given.items() if value is not None}
    if not changes and not path:
        raise UsageError("Nothing to change is given", "See: zf update-buildpack --help")
    there = it.operator.buildpack(name)
    if path:
        with _bits(path) as bits:
            _upload(it, there, path, bits)
    if changes:
        there = it.operator.update_buildpack(there, changes)
    it.console.say(f"Buildpack {there.name} is changed. Apps get it when they are staged: zf restage APP")
    it.console.result(asdict(it.operator.buildpack(there.name)))


@command("delete-buildpack", "zf delete-buildpack rust_buildpack", "zf delete-buildpack rust_buildpack -f")
@click.argument("name", metavar="BUILDPACK")
@force
def delete_buildpack(it: Invocation, name: str, force: bool) -> None:
    """Delete a buildpack; apps that were staged with it go on."""
    operator = it.operator
    delete(it, "Buildpack", name, force, lambda: operator.buildpack(name), operator.delete_buildpack)


def _upload(it: Invocation, buildpack: "Buildpack", path: str, bits: IO[bytes]) -> None:
    with working(it, f"Uploading {buildpack.name}"):
        it.operator.upload_buildpack(buildpack, f"{Path(path).resolve().name.removesuffix('.zip')}.zip", bits)


@contextmanager
def _bits(path: str) -> Iterator[IO[bytes]]:
    """The zip, made of a folder if it is one. Raises FilesError."""
    from zf.push.archive import write_zip
    from zf.push.files import source_at

    try:
        with Path(path).open("rb") if not Path(path).is_dir() else tempfile.TemporaryFile(prefix="zf-") as bits:
            if Path(path).is_dir():
                source = source_at(Path(path))
                write_zip(source, source.entries, bits, lambda _: None)
                bits.seek(0)
            yield bits
    except OSError as error:
        raise FilesError(f"Cannot read {path}: {error.strerror}", "Give a zip or a folder") from None
