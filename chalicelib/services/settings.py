"""Single rows for the whole platform (tables.settings)."""

from chalicelib.tables.settings import Setting


def find(name: str) -> Setting:
    """Read consistently; a draft when nobody has written it yet."""
    try:
        return Setting.get(name, consistent_read=True)
    except Setting.DoesNotExist:
        return Setting(name, value={})
