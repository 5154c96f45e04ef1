"""Where the owner keeps the certificates that routers serve. They are read here and nowhere else, and never written.

A place is one of

    /etc/zerofoundry/tls                   a folder: NAME.pem with certificates and key, or NAME.crt beside NAME.key
    ssm:/zf-prod/tls                       every parameter below that path, NAME its last part
    secretsmanager:zf-prod-tls,other       these secrets, by name or ARN

and each entry is PEM: the certificate, those of its issuers, and the private key, not encrypted.
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Protocol

#: More than any chain with its key needs, and what a secret can hold.
MAX_BYTES = 65536

#: Seconds to connect and to wait for an answer; routers go on with what they have.
CONNECT_S, READ_S = 3, 5


class StoreError(Exception):
    """The place as a whole cannot be read. The text is for people, in one line, and tells no content."""


@dataclass(frozen=True, slots=True)
class Entry:
    """What the place has under a name: PEM, or why that could not be had."""

    pem: bytes = field(default=b"", repr=False)
    problem: str = ""


class Store(Protocol):
    def read(self) -> dict[str, Entry]:
        """All entries by name. Blocks. Raises StoreError."""


class Folder:
    def __init__(self, path: Path) -> None:
        self._path = path

    def read(self) -> dict[str, Entry]:
        try:
            names = sorted({file.stem for file in self._path.iterdir() if file.suffix in (".pem", ".crt")})
        except OSError as error:
            raise StoreError(f"{self._path}: {error.strerror}") from None
        return {name: self._entry(name) for name in names if not name.startswith(".")}

    def _entry(self, name: str) -> Entry:
        bundle = self._path / f"{name}.pem"
        files = [bundle] if bundle.exists() else [self._path / f"{name}.crt", self._path / f"{name}.key"]
        parts = []
        for path in files:
            try:
                with path.open("rb") as file:
                    parts.append(file.read(MAX_BYTES + 1))
            except OSError as error:
                return Entry(problem=f"{path.name}: {error.strerror}")
        return Entry(b"\n".join(parts))


class Parameters:
    """SSM parameters below a path. client: boto3's for ssm."""

    def __init__(self, path: str, client: Any) -> None:
        self._path, self._client = path, client

    def read(self) -> dict[str, Entry]:
        found: dict[str, Entry] = {}
        question = {"Path": self._path, "WithDecryption": True}
        try:
            for page in self._client.get_paginator("get_parameters_by_path").paginate(**question):
                for one in page["Parameters"]:
                    found[one["Name"].rpartition("/")[2]] = Entry(one["Value"].encode())
        except Exception as error:
            raise StoreError(f"ssm:{self._path}: {_why(error)}") from None
        return found


class Secrets:
    """Secrets by name or ARN. client: boto3's for secretsmanager."""

    def __init__(self, names: list[str], client: Any) -> None:
        self._names, self._client = names, client

    def read(self) -> dict[str, Entry]:
        return {name.rpartition(":")[2]: self._entry(name) for name in self._names}

    def _entry(self, name: str) -> Entry:
        try:
            answer = self._client.get_secret_value(SecretId=name)
        except Exception as error:
            return Entry(problem=_why(error))
        text = answer.get("SecretString")
        return Entry(text.encode() if text is not None else answer["SecretBinary"])


def check_place(place: str) -> None:
    """Raises ValueError, saying what a place looks like, for what is none."""
    kind, colon, rest = place.partition(":")
    good = (
        {
            "ssm": rest.startswith("/") and rest.strip("/") != "",
            "secretsmanager": all(name.strip() for name in rest.split(",")),
        }.get(kind, place.startswith("/"))
        if colon
        else place.startswith("/")
    )
    if not good:
        raise ValueError(f"{place!r} is no place of certificates: /a/folder, ssm:/a/path or secretsmanager:NAME,NAME")


def store_at(place: str, region: str) -> Store:
    """Raises ValueError for what is no place. Makes no call."""
    check_place(place)
    kind, colon, rest = place.partition(":")
    if not colon or kind not in ("ssm", "secretsmanager"):
        return Folder(Path(place))
    # Imported here: who keeps certificates in a folder needs no SDK for them.
    import boto3
    from botocore.config import Config

    config = Config(connect_timeout=CONNECT_S, read_timeout=READ_S, retries={"max_attempts": 2, "mode": "standard"})
    client = boto3.client(kind, region_name=region, config=config)
    if kind == "ssm":
        return Parameters("/" + rest.strip("/"), client)
    return Secrets([name.strip() for name in rest.split(",")], client)


def _why(error: Exception) -> str:
    """In one line: AWS's own code where it answered."""
    code = getattr(error, "response", {}).get("Error", {}).get("Code")
    return str(code or " ".join(str(error).split()) or type(error).__name__)
