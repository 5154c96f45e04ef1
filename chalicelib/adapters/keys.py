"""The signing key of tokens and grants, and the sealing key of secrets, from Secrets Manager.

Read once per process; loading the PEM takes 36 ms, so it waits for the first use.
"""

import base64
import json
import time
from functools import cached_property
from typing import Any

import boto3
from cryptography.fernet import Fernet
from joserfc import jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

ALGORITHM = "RS256"


class Keys:
    """Secret ``<prefix>-signing-key``: an RSA private key as PEM. The sealing key is derived from it."""

    def __init__(self, prefix: str, region: str) -> None:
        self._secret_id, self._region = f"{prefix}-signing-key", region

    @cached_property
    def _pem(self) -> str:
        client = boto3.client("secretsmanager", region_name=self._region)
        return str(client.get_secret_value(SecretId=self._secret_id)["SecretString"])

    @cached_property
    def _key(self) -> RSAKey:
        return RSAKey.import_key(self._pem)

    @cached_property
    def key_id(self) -> str:
        return str(self._key.thumbprint())

    @cached_property
    def _fernet(self) -> Fernet:
        from cryptography.hazmat.primitives.hashes import SHA256
        from cryptography.hazmat.primitives.kdf.hkdf import HKDF

        derived = HKDF(SHA256(), 32, salt=None, info=b"zerofoundry sealed secrets").derive(self._pem.encode())
        return Fernet(base64.urlsafe_b64encode(derived))

    def sign(self, claims: dict[str, Any]) -> str:
        """A compact RS256 JWT with these claims, as they are."""
        return jwt.encode({"alg": ALGORITHM, "kid": self.key_id, "typ": "JWT"}, claims, self._key)

    def verify(self, token: str) -> dict[str, Any] | None:
        """The claims, or None when the token is malformed, forged or expired."""
        try:
            claims = jwt.decode(token, self._key, algorithms=[ALGORITHM]).claims
        except (JoseError, ValueError, TypeError):
            return None
        expires = claims.get("exp")
        if expires is not None and (not isinstance(expires, int | float) or expires <= time.time()):
            return None
        return dict(claims)

    def public_jwk(self) -> dict[str, str]:
        """UAA's token key: the JWK and the PEM in ``value``."""
        jwk: dict[str, Any] = self._key.as_dict(private=False)
        value = self._key.as_pem(private=False).decode()
        return {"kty": "RSA", "n": jwk["n"], "e": jwk["e"], "kid": self.key_id, "alg": ALGORITHM, "use": "sig"} | {
            "value": value
        }

    def seal(self, value: Any) -> bytes:
        """JSON, encrypted and authenticated (Fernet)."""
        return self._fernet.encrypt(json.dumps(value).encode())

    def unseal(self, sealed: bytes) -> Any:
        return json.loads(self._fernet.decrypt(sealed))
