from chalicelib.contracts.routing import RouterStart
from chalicelib.core.rendezvous import owners
from router.peers import Peers

OWN = RouterStart("router-0", "b", "http://own")


def start(number: int, boot: str = "b", leaving: bool = False) -> RouterStart:
    return RouterStart(f"router-{number}", boot, f"http://{number}-{boot}", leaving)


def test_alone_a_router_owns_everything() -> None:
    assert Peers(OWN).owners("any") == (True, [])


def test_owners_are_those_that_everybody_computes() -> None:
    peers = Peers(OWN)
    for number in (1, 2):
        peers.meet(start(number), now=0)
    for source in map(str, range(20)):
        expected = owners(source, ["router-0", "router-1", "router-2"])
        own, others = peers.owners(source)
        assert own == ("router-0" in expected)
        assert others == [f"http://{name[-1]}-b" for name in expected if name != "router-0"]


def test_a_new_boot_has_a_new_address_and_a_late_farewell_of_the_old_one_changes_nothing() -> None:
    peers = Peers(OWN)
    peers.meet(start(1, "old"), now=0)
    peers.meet(start(1, "new"), now=1)
    peers.meet(start(1, "old", leaving=True), now=2)
    assert peers.owners("x")[1] == ["http://1-new"]
    peers.meet(start(1, "new", leaving=True), now=3)
    assert peers.owners("x") == (True, [])


def test_who_is_silent_is_forgotten() -> None:
    peers = Peers(OWN)
    peers.meet(start(1), now=0)
    peers.meet(start(2), now=50)
    peers.forget(now=61, silent_s=60)
    assert peers.owners("x")[1] == ["http://2-b"]


def test_its_own_voice_is_no_peer() -> None:
    peers = Peers(OWN)
    peers.meet(OWN, now=0)
    assert peers.owners("x") == (True, [])
