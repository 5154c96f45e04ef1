"""What clients learn before they log in."""

from tests.functional.client import Client


def test_the_root_names_every_part_on_the_host_that_was_asked(api: Client) -> None:
    links = api.get("/").json["links"]
    assert links["cloud_controller_v3"]["href"] == "http://api.localhost:8080/v3"
    assert links["cloud_controller_v3"]["meta"]["version"] == "3.211.0"
    assert {links[name]["href"] for name in ("self", "login", "uaa", "log_cache")} == {"http://api.localhost:8080"}
    assert links["cloud_controller_v2"] is None


def test_links_are_built_from_a_host_of_ours_only(api: Client) -> None:
    own = api.get("/", headers={"Host": "127.0.0.1:8080"}).json["links"]["login"]["href"]
    foreign = api.get("/", headers={"Host": "evil.example"}).json["links"]["login"]["href"]
    assert (own, foreign) == ("http://127.0.0.1:8080", "http://api.localhost:8080")


def test_v3_links_to_every_resource(api: Client) -> None:
    links = api.get("/v3").json["links"]
    assert links["apps"]["href"] == "http://api.localhost:8080/v3/apps"
    assert all(link["href"] for link in links.values())


def test_an_unknown_path_is_an_unknown_request(api: Client) -> None:
    answered = api.get("/v3/no_such_thing")
    assert (answered.status, answered.error) == (404, (10000, "CF-NotFound", "Unknown request"))
