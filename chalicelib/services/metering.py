"""What a process wants is charged to its quotas and told to who makes bills, both from this one place."""

from chalicelib.services import quotas, usage_events
from chalicelib.tables.apps import App
from chalicelib.tables.running import Process
from chalicelib.tables.unit import Unit


def settle(unit: Unit, process: Process, app: App | None = None) -> None:
    """Add to ``unit`` what follows of the process's desired state, which the caller has changed and saves then."""
    quotas.settle_process(unit, process)
    usage_events.process_changed(unit, process, app)
