"""Rows that hold what administrators set for the whole platform."""

from chalicelib.tables.settings import Setting


def find(name: str) -> Setting:
    """Read consistently; a draft when nobody has set anything."""
    try:
        return Setting.get(name, consistent_read=True)
    except Setting.DoesNotExist:
        return Setting(name, value={})
