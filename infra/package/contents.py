"""What belongs into the archive, and what of it only runs on one kind of machine. Pure, but for reading a folder."""

import re
import struct
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path, PurePosixPath
from typing import Any

from chalicelib.contracts.frozen import frozen

#: ELF's e_machine (elf.h) by Lambda's name of the architecture.
MACHINES = {"arm64": 183, "x86_64": 62}

#: What uv calls a platform, by architecture: glibc 2.34 is that of Amazon Linux 2023, which runs Python 3.12 and later.
PLATFORMS = {"arm64": "aarch64-manylinux_2_34", "x86_64": "x86_64-manylinux_2_34"}

#: Parts of packages that no function of ours reads: notes for people and compilers; what cffi and pycparser do when a
#: package is built; Powertools' routers and parsers, of which its metrics use one module.
NEVER = re.compile(
    r"(^|/)(tests?|__pycache__|bin)/|\.(pyi|pyx|pxd|c|h)$|\.dist-info/|/examples-1\.json"
    r"|^(cffi|pycparser|aws_lambda_powertools/event_handler)/"
    r"|^aws_lambda_powertools/utilities/(?!__init__\.py|jmespath_utils/)"
)

#: botocore describes every service of AWS in a folder of its own; these belong to all of them.
COMMON_DATA = frozenset({"endpoints.json", "partitions.json", "_retry.json", "sdk-default-configuration.json"})


def services(policies: Iterable[Mapping[str, Any]]) -> frozenset[str]:
    """The services of AWS that these IAM policies speak of: there is no use for the description of any other.

    Without ``logs``: it is Lambda that writes them, with the function's role.
    """
    actions = {action for policy in policies for statement in policy["Statement"] for action in statement["Action"]}
    return frozenset(action.partition(":")[0] for action in actions) - {"logs"}


def needed(paths: Iterable[str], known: frozenset[str]) -> set[str]:
    """Which files of the installed packages belong into the archive. known: services in use.

    Of a service that botocore describes in several versions, the last: clients ask for no other.
    """
    kept = {path for path in paths if not NEVER.search(path)}
    described = [path for path in kept if path.startswith("botocore/data/")]
    versions: dict[str, str] = {}
    for path in described:
        _, _, service, version, *_ = (*PurePosixPath(path).parts, "")
        versions[service] = max(versions.get(service, ""), version)
    return kept - {path for path in described if not _is_read(path, known, versions)}


def _is_read(path: str, known: frozenset[str], versions: Mapping[str, str]) -> bool:
    _, _, service, version, *_ = (*PurePosixPath(path).parts, "")
    return service.removesuffix(".gz") in COMMON_DATA or (service in known and version == versions[service])


@frozen
class Wheel:
    """One installed package. tags: ``cp311-abi3-manylinux_2_34_aarch64``, ``py3-none-any``."""

    name: str
    version: str
    tags: tuple[str, ...]


def wheels(folder: Path) -> Iterator[Wheel]:
    """What was installed into a folder, by the notes that installers leave, in order of names."""
    for note in sorted(folder.glob("*.dist-info/WHEEL")):
        name, _, version = note.parent.name.removesuffix(".dist-info").partition("-")
        tags = re.findall(r"^Tag: (\S+)$", note.read_text(), re.M)
        yield Wheel(name, version, tuple(sorted(tags)))


def machine_of(binary: bytes) -> int | None:
    """ELF's e_machine; None for what is not ELF. Little-endian, as both of Lambda's architectures are."""
    if binary[:4] != b"\x7fELF":
        return None
    return int(struct.unpack_from("<H", binary, 18)[0])


def misfits(files: Mapping[str, bytes], architecture: str, python: str) -> list[str]:
    """Native files that could not be loaded: of another machine, or of another version of Python (``3.13``)."""
    wrong = []
    for path, content in sorted(files.items()):
        machine = machine_of(content)
        if machine is None:
            continue
        if machine != MACHINES[architecture]:
            wrong.append(f"{path} is made for another machine than {architecture}")
        version = re.search(r"\.cpython-(\d+)", path)
        if version and version[1] != python.replace(".", ""):
            wrong.append(f"{path} is made for another Python than {python}")
    return wrong
