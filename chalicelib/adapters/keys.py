"""The signing keys of tokens and grants, and the sealing key of secrets, from Secrets Manager.

Read once per process and again every few minutes, or when a token names a key that is not known: keys are rotated
while processes run. Loading a PEM takes 36 ms, so it waits for the first use; so do the libraries, 50 ms, which
functions that never see a token need not load.
"""

import base64
import json
import time
from functools import cached_property
from typing import TYPE_CHECKING, Any

from chalicelib.adapters import aws
from chalicelib.contracts.frozen import frozen

if TYPE_CHECKING:
    from cryptography.fernet import Fernet
    from joserfc.jwk import RSAKey

ALGORITHM = "RS256"

#: No token is valid for longer, seconds: so long after its last use a key is good for grants only.
LONGEST_TOKEN_S = 24 * 3600
#: Until then every process has read a new key, seconds.
REREAD_S = 300
#: A key that nobody knows makes a process read again, but not more often than this, seconds.
UNKNOWN_PAUSE_S = 5
#: Public halves that are kept after their keys. The grants of an instance live as long as it does.
MOST_EARLIER = 20


@frozen
class Earlier:
    """The public half of a key that signs no more. tokens_until: epoch s; grants it verifies while it is kept."""

    key: "RSAKey"
    tokens_until: float


@frozen
class Ring:
    """What the secret holds. version: Secrets Manager's id of it. sealing: PEM that the sealing key is derived from."""

    version: str
    sealing: str
    signing: "RSAKey"
    earlier: tuple[Earlier, ...] = ()

    def find(self, key_id: str, at: float) -> "RSAKey | None":
        """The key that a token names, if it may still sign tokens at that time."""
        if key_id == self.signing.kid:
            return self.signing
        return next((one.key for one in self.earlier if one.key.kid == key_id and at < one.tokens_until), None)


class Keys:
    """Secret ``<prefix>-signing-key``: an RSA private key as PEM, or, once rotated, a JSON document::

    {"sealing": PEM, "signing": PEM, "earlier": [{"public": PEM, "tokens_until": epoch s}, ...]}
    """

    def __init__(self, prefix: str, region: str) -> None:
        self._secret_id, self._region = f"{prefix}-signing-key", region
        self._kept: Ring | None = None
        self._read_at = 0.0

    @property
    def _ring(self) -> Ring:
        if self._kept is None or time.monotonic() - self._read_at > REREAD_S:
            self._read()
        assert self._kept is not None
        return self._kept

    def _read(self) -> None:
        answer = self._client.get_secret_value(SecretId=self._secret_id, VersionStage="AWSCURRENT")
        self._read_at = time.monotonic()
        if self._kept is None or self._kept.version != answer["VersionId"]:
            self._kept = _parsed(answer["VersionId"], answer["SecretString"])

    @property
    def _client(self) -> Any:
        return aws.client("secretsmanager", self._region)

    @property
    def key_id(self) -> str:
        """Of the key that signs."""
        return str(self._ring.signing.kid)

    @cached_property
    def _fernet(self) -> "Fernet":
        from cryptography.fernet import Fernet
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        derived = HKDF(SHA256(), 32, salt=None, info=b"zerofoundry sealed secrets").derive(self._ring.sealing.encode())
        return Fernet(base64.urlsafe_b64encode(derived))

    def sign(self, claims: dict[str, Any]) -> str:
        """A compact RS256 JWT with these claims, as they are."""
        from joserfc import jwt

        return jwt.encode({"alg": ALGORITHM, "kid": self.key_id, "typ": "JWT"}, claims, self._ring.signing)

    def verify(self, token: str) -> dict[str, Any] | None:
        """The claims, or None when the token is malformed, forged, expired, or of a key that has had its time."""
        return self._verified(token, time.time())

    def verify_grant(self, grant: str) -> dict[str, Any] | None:
        """The same of a grant, which is good for as long as its key is kept."""
        return self._verified(grant, float("-inf"))

    def _verified(self, token: str, at: float) -> dict[str, Any] | None:
        from joserfc import jws, jwt
        from joserfc.errors import JoseError

        try:
            key_id = jws.extract_compact(token.encode()).headers().get("kid")
            key = self._find(key_id, at) if isinstance(key_id, str) else None
            if key is None:
                return None
            claims = jwt.decode(token, key, algorithms=[ALGORITHM]).claims
        except (JoseError, ValueError, TypeError):
            return None
        expires = claims.get("exp")
        if expires is not None and (not isinstance(expires, int | float) or expires <= time.time()):
            return None
        return dict(claims)

    def _find(self, key_id: str, at: float) -> "RSAKey | None":
        found = self._ring.find(key_id, at)
        if found is None and time.monotonic() - self._read_at > UNKNOWN_PAUSE_S:
            self._read()
            found = self._ring.find(key_id, at)
        return found

    def public_jwk(self) -> dict[str, str]:
        """UAA's token key: the JWK and the PEM in ``value``."""
        return _public(self._ring.signing)

    def public_jwks(self) -> list[dict[str, str]]:
        """The key that signs, and those that did: routers check grants of all of them."""
        return [_public(key) for key in (self._ring.signing, *(one.key for one in self._ring.earlier))]

    def rotate(self) -> str:
        """Sign with a new key from now on; returns its id. The old one's private half is gone.

        Its tokens are good until they have run out, its grants for the next MOST_EARLIER rotations. Raises
        RuntimeError when somebody else rotated at the same moment: his key counts.
        """
        self._read()
        ring = self._ring
        last = Earlier(ring.signing, time.time() + LONGEST_TOKEN_S + REREAD_S)
        earlier = (last, *ring.earlier)[:MOST_EARLIER]
        document = {
            "sealing": ring.sealing,
            "signing": new_key(),
            "earlier": [
                {"public": one.key.as_pem(private=False).decode(), "tokens_until": one.tokens_until} for one in earlier
            ],
        }
        client = self._client
        made = client.put_secret_value(
            SecretId=self._secret_id, SecretString=json.dumps(document), VersionStages=["ZFNEXT"]
        )
        try:
            client.update_secret_version_stage(
                SecretId=self._secret_id,
                VersionStage="AWSCURRENT",
                MoveToVersionId=made["VersionId"],
                RemoveFromVersionId=ring.version,
            )
        except client.exceptions.InvalidParameterException:
            raise RuntimeError("the keys were rotated by somebody else at this moment") from None
        finally:
            self._read()
        return self.key_id

    def seal(self, value: Any) -> bytes:
        """JSON, encrypted and authenticated (Fernet)."""
        return self._fernet.encrypt(json.dumps(value).encode())

    def unseal(self, sealed: bytes) -> Any:
        return json.loads(self._fernet.decrypt(sealed))


def new_key() -> str:
    """An RSA-2048 key for tokens and grants, as PEM."""
    from joserfc.jwk import RSAKey

    return RSAKey.generate_key(2048).as_pem(private=True).decode()


def _parsed(version: str, text: str) -> Ring:
    if not text.startswith("{"):
        return Ring(version, text, _key(text))
    document = json.loads(text)
    earlier = tuple(Earlier(_key(one["public"]), one["tokens_until"]) for one in document["earlier"])
    return Ring(version, document["sealing"], _key(document["signing"]), earlier)


def _key(pem: str) -> "RSAKey":
    """Named by its thumbprint."""
    from joserfc.jwk import RSAKey

    key = RSAKey.import_key(pem)
    key.ensure_kid()
    return key


def _public(key: "RSAKey") -> dict[str, str]:
    jwk: dict[str, Any] = key.as_dict(private=False)
    value = key.as_pem(private=False).decode()
    return {"kty": "RSA", "n": jwk["n"], "e": jwk["e"], "kid": str(key.kid), "alg": ALGORITHM, "use": "sig"} | {
        "value": value
    }
