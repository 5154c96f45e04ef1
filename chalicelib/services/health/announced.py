"""Components that made themselves known, for operators to see."""

from chalicelib.contracts.components import Announce
from chalicelib.tables.actual import Component
from chalicelib.tables.base import moved

#: How long one that says nothing more is remembered, seconds.
KEPT_S = 7 * 24 * 3600


def note(said: Announce, now: float) -> None:
    """Of two boots of a component the later one counts, in whatever order they are heard."""
    known = Component.started_at
    moved(
        Component(said.type, said.id),
        [
            Component.boot.set(said.boot),
            Component.http.set(said.http),
            Component.version.set(said.version),
            Component.started_at.set(said.started_at),
            Component.seen_at.set(now),
            Component.expires_at.set(int(now + KEPT_S)),
        ],
        known.does_not_exist() | (known <= said.started_at),
    )
