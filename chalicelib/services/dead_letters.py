"""Dead letters for operators: what lies there, sent to its queue again, or dropped.

A replay is safe because every handler may see a message twice. Of what has a time to live (contracts.envelope) and
is older, the handler makes nothing: such a letter is told as expired.
"""

from collections.abc import Callable, Collection

from chalicelib.adapters.dead_letters import DeadLetters, Letter
from chalicelib.bootstrap import World
from chalicelib.contracts.codec import DecodeError
from chalicelib.contracts.envelope import Envelope, decode
from chalicelib.contracts.frozen import frozen

#: The queues of functions (infra/topology.json).
QUEUES = ("cc", "jobs", "hm", "beats")

#: Of each queue are shown at most so many, and so many are looked through for those that are named.
MOST_SHOWN, MOST_SOUGHT = 50, 200


@frozen
class Found:
    """One letter. envelope: None for what cannot be read, which ``problem`` explains."""

    queue: str
    letter: Letter
    envelope: Envelope | None
    problem: str = ""


@frozen
class Outcome:
    """How many were moved, and about how many are left in the queue."""

    done: int
    left: int


def look(world: World) -> list[Found]:
    """What lies in all queues, the oldest first."""
    found = []
    for queue in QUEUES:
        dead = DeadLetters(world.bus, queue)
        if dead.count():
            letters = dead.take(MOST_SHOWN)
            dead.let_go(letters)
            found += [_read(queue, letter) for letter in letters]
    return sorted(found, key=lambda one: one.letter.died_at)


def replay(world: World, queue: str, ids: Collection[str]) -> Outcome:
    """Send them to ``queue`` again. ids: empty for all that one request can do."""
    return _each(DeadLetters(world.bus, queue), ids, DeadLetters.replay)


def drop(world: World, queue: str, ids: Collection[str]) -> Outcome:
    """Remove them for good."""
    return _each(DeadLetters(world.bus, queue), ids, DeadLetters.drop)


def _each(dead: DeadLetters, ids: Collection[str], act: Callable[[DeadLetters, Letter], None]) -> Outcome:
    taken = dead.take(MOST_SOUGHT) if dead.count() else []
    meant = [letter for letter in taken if not ids or letter.id in ids]
    for letter in meant:
        act(dead, letter)
    dead.let_go([letter for letter in taken if letter not in meant])
    return Outcome(len(meant), dead.count())


def _read(queue: str, letter: Letter) -> Found:
    try:
        return Found(queue, letter, decode(letter.body))
    except DecodeError as error:
        return Found(queue, letter, None, str(error)[:200])
