"""What an operator is told of a host in one word."""

UP, CORDONED, DRAINING, SILENT, LOST = "UP", "CORDONED", "DRAINING", "SILENT", "LOST"

#: Nobody there can hear an order.
DEAF = (SILENT, LOST)


def state(lost: bool, draining: bool, cordoned: bool, silence_s: float, lost_after_s: float) -> str:
    """The worst that is true. lost: the HealthManager has given it up; SILENT: it has not, but has not heard it."""
    if lost:
        return LOST
    if silence_s > lost_after_s:
        return SILENT
    if draining:
        return DRAINING
    return CORDONED if cordoned else UP
