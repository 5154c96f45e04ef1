"""What goes into the archive, and what cannot be loaded there."""

import struct
from pathlib import Path

from infra.package import contents


def elf(machine: int) -> bytes:
    return b"\x7fELF" + bytes(14) + struct.pack("<H", machine) + bytes(40)


def test_only_services_that_a_policy_names_are_described_and_only_their_last_version() -> None:
    policy = {"Statement": [{"Action": ["sqs:SendMessage", "dynamodb:GetItem"]}, {"Action": ["logs:PutLogEvents"]}]}
    known = contents.services([policy])
    assert known == {"sqs", "dynamodb"}
    data = "botocore/data"
    kept = {
        f"{data}/sqs/2012-11-05/service-2.json.gz",
        f"{data}/dynamodb/2012-08-10/waiters-2.json",
        f"{data}/endpoints.json",
        f"{data}/partitions.json",
        "botocore/session.py",
        "argon2/__init__.py",
        "aws_lambda_powertools/utilities/jmespath_utils/__init__.py",
    }
    dropped = {
        f"{data}/dynamodb/2011-12-05/service-2.json.gz",
        f"{data}/logs/2014-03-28/service-2.json.gz",
        f"{data}/s3/2006-03-01/service-2.json.gz",
        f"{data}/sqs/2012-11-05/examples-1.json",
        "argon2_cffi-25.1.0.dist-info/RECORD",
        "aws_lambda_powertools/event_handler/api_gateway.py",
        "aws_lambda_powertools/utilities/parser/models.py",
        "cryptography/hazmat/bindings/_rust/__init__.pyi",
        "pynamodb/tests/test_model.py",
        "bin/jp.py",
        "pycparser/c_parser.py",
    }
    assert contents.needed(kept | dropped, known) == kept


def test_native_files_of_another_machine_or_python_are_found() -> None:
    files = {
        "a.cpython-313-aarch64-linux-gnu.so": elf(183),
        "b.abi3.so": elf(183),
        "c.abi3.so": elf(62),
        "d.cpython-311-aarch64-linux-gnu.so": elf(183),
        "e.so": b"no ELF at all",
    }
    assert contents.misfits(files, "arm64", "3.13") == [
        "c.abi3.so is made for another machine than arm64",
        "d.cpython-311-aarch64-linux-gnu.so is made for another Python than 3.13",
    ]


def test_wheels_are_known_by_the_notes_of_the_installer(tmp_path: Path) -> None:
    note = tmp_path / "cffi-2.1.1.dist-info" / "WHEEL"
    note.parent.mkdir()
    note.write_text("Wheel-Version: 1.0\nTag: cp313-cp313-manylinux2014_aarch64\n")
    (wheel,) = contents.wheels(tmp_path)
    assert (wheel.name, wheel.version, wheel.tags) == ("cffi", "2.1.1", ("cp313-cp313-manylinux2014_aarch64",))
