"""Sticky sessions through a real Envoy: an app's session cookie brings its owner back to the same instance."""

import httpx

from tests.functional.router.cloud import Dea, Instance, Router, eventually
from tests.functional.router.test_routes import instances, reached


def cookies(answer: httpx.Response) -> dict[str, str]:
    """The instance cookies of an answer: value and attributes, in one text, by value."""
    found = {}
    for line in answer.headers.get_list("set-cookie"):
        name, _, rest = line.partition("=")
        if name == "__VCAP_ID__":
            value, _, attributes = rest.partition("; ")
            found[value] = attributes
    return found


def test_a_session_stays_with_its_instance_while_that_is_there(router: Router, dea: Dea) -> None:
    with instances("one", "two") as (one, two):
        for number, instance in enumerate((one, two), 1):
            dea.register(dea.endpoint(f"guid-{number}", instance.port, "sticky.localhost", app="app-sticky"))
        eventually(lambda: {reached(router, "sticky.localhost") for _ in range(10)} == {"one", "two"})
        assert not router.get("sticky.localhost").headers.get_list("set-cookie")
        one.headers = [("Set-Cookie", "theme=dark"), ("Set-Cookie", "JSESSIONID=s1; Path=/x; secure; SameSite=Lax")]

        login = eventually(lambda: (got := router.get("sticky.localhost")).text.startswith("one") and got)
        ((value, attributes),) = cookies(login).items()
        assert value.startswith("guid-1.")
        assert attributes == "Path=/; HttpOnly; secure; SameSite=Lax"
        assert len(login.headers.get_list("set-cookie")) == 3
        assert "x-zf-sticky" not in login.headers
        one.headers = []

        both = {"Cookie": f"a=b; JSESSIONID=s1; __VCAP_ID__={value}"}
        stayed = [router.get("sticky.localhost", headers=both) for _ in range(30)]
        assert {answer.text.split()[0] for answer in stayed} == {"one"}
        assert not any(cookies(answer) for answer in stayed)
        # Without the session, the instance's cookie says nothing.
        alone = {"Cookie": f"__VCAP_ID__={value}; XJSESSIONID=1"}
        eventually(lambda: router.get("sticky.localhost", headers=alone).text.startswith("two"))

        # It dies without a word: the next request goes elsewhere at once, and the cookie follows.
        one.headers = [("Connection", "close")]
        assert router.get("sticky.localhost", headers=both).text.startswith("one")
        one.close()
        moved = router.get("sticky.localhost", headers=both)
        assert moved.text.startswith("two")
        ((value, attributes),) = cookies(moved).items()
        assert value.startswith("guid-2.")
        assert attributes == "Path=/; HttpOnly"
        dea.unregister("guid-1")
        eventually(lambda: router.varz()["router"]["endpoints"] == 1)
        assert cookies(router.get("sticky.localhost", headers=both)).keys() == {value}


def test_what_a_client_makes_up_is_no_way_to_another_instance(router: Router, dea: Dea) -> None:
    with instances("mine", "other") as (mine, other):
        dea.register(dea.endpoint("guid-mine", mine.port, "mine.localhost/shop", app="app-mine"))
        dea.register(dea.endpoint("guid-other", other.port, "other.localhost", app="app-other"))
        eventually(lambda: reached(router, "mine.localhost", "/shop") == "mine")
        eventually(lambda: reached(router, "other.localhost") == "other")
        stolen = f"guid-other.{f'127.0.0.1:{other.port}'.encode().hex()}"
        bad_address = f"guid-other.{b'example.com:80'.hex()}"
        for value in (stolen, bad_address, "guid-other", "x.zz", ".", "", '"', "x." + "00" * 60, "x." + "61" * 500):
            answer = router.get("mine.localhost", "/shop", headers={"Cookie": f"JSESSIONID=1; __VCAP_ID__={value}"})
            assert answer.text.startswith("mine"), value
            ((renewed, attributes),) = cookies(answer).items()
            assert renewed.startswith("guid-mine.")
            assert attributes == "Path=/shop; HttpOnly"


def test_the_cookie_goes_when_the_session_does(router: Router, dea: Dea, instance: Instance) -> None:
    dea.register(dea.endpoint("guid-end", instance.port, "end.localhost"))
    eventually(lambda: reached(router, "end.localhost") == "one")
    gone = "Expires=Thu, 01 Jan 1970 00:00:00 GMT; Max-Age=0; Secure"
    instance.headers = [("Set-Cookie", f"JSESSIONID=; Path=/; {gone}")]
    assert list(cookies(router.get("end.localhost")).values()) == [f"Path=/; HttpOnly; {gone}"]
    # The platform's own answers have no instance, and no cookie.
    instance.headers = []
    with httpx.Client() as client:
        client.cookies.set("JSESSIONID", "1")
        client.cookies.set("__VCAP_ID__", "x.61")
        answer = client.get(f"{router.url}/", headers={"Host": "nobody.localhost"})
    assert (answer.status_code, cookies(answer)) == (404, {})
