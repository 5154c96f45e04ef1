"""Pages: complete, each resource once, small enough for Lambda, and links that keep what was asked."""

from typing import Any

from tests.functional.api.many import apps, store
from tests.functional.client import Client
from tests.functional.cloud import Cloud

#: Lambda's limit for an answer, in which the body is a JSON string.
LAMBDA_BYTES = 6 * 1024 * 1024


def test_a_client_that_follows_next_sees_6000_apps_once(api: Client, cloud: Cloud, space: str) -> None:
    store(cloud, apps(space, 6000))
    seen: list[str] = []
    link: str | None = "/v3/apps?per_page=5000&order_by=name&include=space"
    caller = api.admin
    while link:
        answered = caller.get(link)
        assert answered.status == 200, answered.text
        assert len(answered.text) + answered.text.count('"') < LAMBDA_BYTES
        assert answered.json["pagination"]["total_results"] == 6000
        assert [included["guid"] for included in answered.json["included"]["spaces"]] == [space]
        seen += answered.guids
        following: dict[str, Any] | None = answered.json["pagination"]["next"]
        link = following and following["href"]
    assert len(seen) == len(set(seen)) == 6000
