"""What a space's counter should say: its desired state, added up anew."""

from chalicelib.core import quotas
from chalicelib.core.quotas import Use
from chalicelib.services import listing
from chalicelib.services.quotas import wanted_by
from chalicelib.tables.running import Process, Route
from chalicelib.tables.tasks import Task


def recount(space_guid: str) -> Use:
    total = Use(routes=len(listing.members([f"space/{space_guid}/routes"])))
    for process in listing.all_of(Process, f"space/{space_guid}/processes"):
        total += wanted_by(process)
    for task in listing.all_of(Task, f"space/{space_guid}/tasks"):
        if task.state in ("PENDING", "RUNNING", "CANCELING"):
            total += quotas.task(int(task.memory_mb), int(task.log_rate_bytes))
    for route in listing.all_of(Route, f"space/{space_guid}/routes"):
        total += Use(reserved_ports=int(route.port is not None))
    return total
