"""What an operator is told of a host in one word."""

UP, FULL, CORDONED, DRAINING, SILENT, LOST = "UP", "FULL", "CORDONED", "DRAINING", "SILENT", "LOST"

#: Nobody there can hear an order.
DEAF = (SILENT, LOST)


def state(lost: bool, draining: bool, cordoned: bool, full: bool, silence_s: float, lost_after_s: float) -> str:
    """The worst that is true. lost: the HealthManager has given it up; SILENT: it has not, but has not heard it.
    FULL: it takes no work for want of room on its disk."""
    if lost:
        return LOST
    if silence_s > lost_after_s:
        return SILENT
    if draining:
        return DRAINING
    if cordoned:
        return CORDONED
    return FULL if full else UP
