"""Sizes as people write them, and how large a process may be. Pure."""

import re

#: What one process may ask for. Memory and disk in MB: more than any host has is refused at once, not auctioned.
MAX_MEMORY_MB = 1024 * 1024
MAX_DISK_MB = 1024 * 1024
MAX_INSTANCES = 1000
#: Seconds.
MAX_TIMEOUT_S = 900
MAX_COMMAND = 4096

SUPPORTED = "B, K, KB, M, MB, G, GB, T, or TB"
_SIZE = re.compile(r"(\d{1,18})\s*(B|K|KB|M|MB|G|GB|T|TB)", re.IGNORECASE | re.ASCII)
_POWERS = {"B": 0, "K": 1, "M": 2, "G": 3, "T": 4}


def parse_bytes(size: object) -> int:
    """``"64K"`` -> 65536. Raises ValueError with the end of a sentence whose beginning is what the size is of."""
    match = _SIZE.fullmatch(size.strip()) if isinstance(size, str) else None
    if match is None:
        raise ValueError(f"must use a supported unit: {SUPPORTED}")
    return int(match[1]) << 10 * _POWERS[match[2][0].upper()]


def parse_mb(size: object, maximum_mb: int) -> int:
    """``"1G"`` -> 1024, whole megabytes from 1 to the maximum. Raises ValueError as :func:`parse_bytes` does."""
    megabytes = parse_bytes(size) // 1024**2
    if megabytes < 1:
        raise ValueError("must be greater than 0MB")
    if megabytes > maximum_mb:
        raise ValueError(f"must be less than or equal to {maximum_mb}MB")
    return megabytes


def parse_log_rate(rate: object) -> int:
    """Bytes per second; ``-1`` means no limit. Raises ValueError as :func:`parse_bytes` does."""
    text = str(rate).strip() if isinstance(rate, str | int) and not isinstance(rate, bool) else ""
    if text in ("-1", "0"):
        return int(text)
    return parse_bytes(rate)
