"""The variables that functions and agents of the public cloud read, so that a misspelt one is not passed over. Pure."""

from collections.abc import Mapping
from difflib import get_close_matches

ALL = "ACCOUNT ALLOWED_ADDRESSES DOMAIN HOST HTTP_PORT LOG_LEVEL PREFIX PROFILE READY_FILE"
FUNCTIONS = "DEA_ROLE_ARN EXTERNAL_PORT EXTERNAL_SCHEME"
DEAS = """
    BUILDPACKS_DIR DEA_DIR DEA_DISK_MB DEA_ID DEA_MEMORY_MB DISK_FULL_PERCENT DROPLET_CACHE_MB GROUP IMAGE_CACHE_MB
    ISOLATION_SEGMENT LIFECYCLE_HOOK MEMBERSHIP PORT_RANGE RUNTIME STACK STAGING_ENV_PASS UID_BASE
"""
ROUTERS = """
    API_CA API_UPSTREAM CERTIFICATES CERTIFICATES_S ENVOY_CONCURRENCY ENVOY_HEAP_MB HTTPS_REDIRECT LISTEN PLAIN_DRAINS
    PROXY_PROTOCOL ROUTER_DIR ROUTER_ID STICKY_COOKIES TLS_LISTEN UPLOADER_SOCKET
"""

#: Without the intervals, whose names are those of core.timers.
KNOWN = frozenset(f"ZF_{name}" for part in (ALL, FUNCTIONS, DEAS, ROUTERS) for name in part.split())


def refuse_unknown(env: Mapping[str, str], intervals: frozenset[str]) -> None:
    """Raises ValueError, which names the first variable of ours that nothing reads, and what may have been meant."""
    for name in sorted(env):
        if name.startswith("ZF_") and name not in KNOWN | intervals:
            near = get_close_matches(name, KNOWN | intervals, n=1)
            meant = f"; did you mean {near[0]}?" if near else ""
            raise ValueError(f"{name} is no variable that anything here reads{meant}")
