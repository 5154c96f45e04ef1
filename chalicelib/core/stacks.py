"""What an app may still do on a stack that is on its way out. Pure."""

ACTIVE, DEPRECATED, RESTRICTED, DISABLED = "ACTIVE", "DEPRECATED", "RESTRICTED", "DISABLED"

#: In the order in which a stack goes through them. Apps run, restart and scale in each.
STATES = (ACTIVE, DEPRECATED, RESTRICTED, DISABLED)


def staging_refused(name: str, state: str, reason: str, staged_before: bool) -> str | None:
    """Why an app cannot be staged on the stack, or None. A restricted one still takes whom it has had before."""
    because = f" {reason}" if reason else ""
    if state == DISABLED:
        return f"ERROR: Staging failed. The stack '{name}' is disabled and cannot be used for staging.{because}"
    if state == RESTRICTED and not staged_before:
        return f"ERROR: Staging failed. The stack '{name}' is restricted and cannot be used for new apps.{because}"
    return None


def warning(name: str, state: str, reason: str) -> str | None:
    """What to tell whoever stages on the stack, or None."""
    if state != DEPRECATED:
        return None
    return f"WARNING: The stack '{name}' is deprecated and will be removed.{f' {reason}' if reason else ''}"
