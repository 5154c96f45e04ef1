"""What of an app's past is kept: Cloud Foundry's numbers, as far as it has any. Pure."""

from collections.abc import Sequence, Set

#: Staged droplets besides those in use: to roll back to.
KEPT_DROPLETS = 5
#: Packages besides those that droplets in use, and builds under way, were made of: to stage again.
KEPT_PACKAGES = 1
#: Rows of each kind, of what has ended: lists stay readable, and as short for who pushes every hour as for others.
KEPT_ROWS = 100


def surplus(oldest_first: Sequence[str], in_use: Set[str], kept: int) -> list[str]:
    """The guids that are neither in use nor among the ``kept`` newest of those that are not."""
    others = [guid for guid in oldest_first if guid not in in_use]
    return others[: max(0, len(others) - kept)]
