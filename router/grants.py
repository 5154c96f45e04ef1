"""Are these CC's words? Checks route and log grants (contracts.grants) with CC's public keys.

Keys come from CC's ``/token_keys``, stay on disk for the times when CC is away, and are asked for again, with
back-off, when a grant names a key that is not known. A grant that was good is remembered by its text: DEAs say the
same ones every few seconds.
"""

import json
import logging
import os
import ssl
import threading
import time
import urllib.request
from collections import OrderedDict
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import Any

from joserfc import jws, jwt
from joserfc.errors import JoseError
from joserfc.jwk import RSAKey

from chalicelib.contracts.codec import DecodeError, from_json
from chalicelib.contracts.grants import ISSUER, LOG, ROUTE
from chalicelib.contracts.routing import Endpoint, RouteRule
from router.routes import normalise

log = logging.getLogger(__name__)

#: Good grants that are remembered, about 1 kB each.
MEMO = 20_000

#: No grant is longer: 200 routes of a host of 317 characters and a path of 128 each, in Base64.
MAX_GRANT = 128 * 1024

#: Seconds between two requests for keys: at first, and after failures at most.
FIRST_PAUSE_S, LAST_PAUSE_S = 0.5, 30.0

Claims = dict[str, Any]


def fetch_keys(url: str, believed: ssl.SSLContext | None) -> bytes:
    """The key set as CC gives it. believed: for https. Raises OSError."""
    with urllib.request.urlopen(url, timeout=2, context=believed) as answer:
        return bytes(answer.read(1024 * 1024))


class Grants:
    """Safe to use from several threads; a check may block for one fetch of the keys (2 s at most)."""

    def __init__(self, fetch: Callable[[], bytes], cache: Path, clock: Callable[[], float] = time.monotonic) -> None:
        self._fetch, self._cache, self._clock = fetch, cache, clock
        self._lock = threading.Lock()
        self._keys: dict[str, RSAKey] = {}
        self._memo: OrderedDict[str, Claims] = OrderedDict()
        self._pause, self._not_before = FIRST_PAUSE_S, float("-inf")
        try:
            self._keys = _parse_keys(cache.read_bytes())
        except (OSError, ValueError) as error:
            log.info("no keys on disk yet: %s", error)

    def is_route_grant(self, endpoint: Endpoint) -> bool:
        """Whether CC granted this instance the routes that it claims, in this version."""
        claims = self.claims(endpoint.grant)
        return (
            claims is not None
            and claims.get("typ") == ROUTE
            and claims.get("sub") == endpoint.instance_guid
            and claims.get("app") == endpoint.app_guid
            and claims.get("rv") == endpoint.routes_version
            and _covers(claims.get("routes"), endpoint.routes)
        )

    def rules(self, endpoint: Endpoint) -> tuple[RouteRule, ...]:
        """What CC granted with the routes of an endpoint whose grant is good; of anything else nothing."""
        rules = (self.claims(endpoint.grant) or {}).get("rules")
        said = rules.items() if isinstance(rules, dict) else ()
        try:
            return tuple(from_json(RouteRule, {"route": normalise(route), **rule}) for route, rule in sorted(said))
        except (DecodeError, TypeError):
            return ()

    def log_source(self, grant: str) -> tuple[str, str] | None:
        """(grant type, app guid) of a grant that lets its holder post log lines of the app; None when it is none.

        A route grant does so, too, but for access lines only: with it a router hands them to the owners.
        """
        claims = self.claims(grant)
        if claims is None:
            return None
        source = {LOG: claims.get("sub"), ROUTE: claims.get("app")}.get(str(claims.get("typ")))
        return (str(claims["typ"]), source) if isinstance(source, str) else None

    def claims(self, grant: str) -> Claims | None:
        """What the grant says when CC signed it; None otherwise."""
        if len(grant) > MAX_GRANT:
            return None
        with self._lock:
            if grant in self._memo:
                self._memo.move_to_end(grant)
                return self._memo[grant]
            claims = self._verify(grant)
            if claims is not None:
                self._memo[grant] = claims
                if len(self._memo) > MEMO:
                    self._memo.popitem(last=False)
            return claims

    def _verify(self, grant: str) -> Claims | None:
        try:
            kid = jws.extract_compact(grant.encode()).headers().get("kid")
            key = self._key(kid) if isinstance(kid, str) else None
            if key is None:
                return None
            claims = jwt.decode(grant, key, algorithms=["RS256"]).claims
        except (JoseError, ValueError, TypeError, KeyError) as error:
            log.debug("not a grant: %s", error)
            return None
        return claims if claims.get("iss") == ISSUER else None

    def _key(self, kid: str) -> RSAKey | None:
        if kid not in self._keys and self._clock() >= self._not_before:
            try:
                data = self._fetch()
                self._keys = _parse_keys(data)
                self._keep(data)
                self._pause = FIRST_PAUSE_S if kid in self._keys else min(self._pause * 2, LAST_PAUSE_S)
            except (OSError, ValueError) as error:
                log.warning("the control plane's keys cannot be fetched: %s", error)
                self._pause = min(self._pause * 2, LAST_PAUSE_S)
            self._not_before = self._clock() + self._pause
        return self._keys.get(kid)

    def _keep(self, data: bytes) -> None:
        scratch = self._cache.with_suffix(".new")
        scratch.write_bytes(data)
        os.replace(scratch, self._cache)


def _parse_keys(data: bytes) -> dict[str, RSAKey]:
    """Keys by id. Raises ValueError when ``data`` is not a key set."""
    try:
        keys = json.loads(data)["keys"]
        return {key["kid"]: RSAKey.import_key({"kty": "RSA", "n": key["n"], "e": key["e"]}) for key in keys}
    except (KeyError, TypeError, AttributeError, JoseError) as error:
        raise ValueError(f"not a key set: {error!r}") from None


def _covers(granted: Any, claimed: Iterable[str]) -> bool:
    return isinstance(granted, list) and set(claimed) <= {route for route in granted if isinstance(route, str)}
