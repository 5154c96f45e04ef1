"""A client library that knows nothing of us drives the platform."""

from cloudfoundry_client.client import CloudFoundryClient

from tests.support.platform import Platform, eventually


def test_cloudfoundry_client_logs_in_lists_scales_and_reads_the_app(platform: Platform, app_name: str) -> None:
    platform.push(app_name)
    status = platform.status()
    client = CloudFoundryClient(status["api_url"])
    client.init_with_user_credentials(status["admin_user"], status["admin_password"])
    (org,) = [org for org in client.v3.organizations if org["name"] == "local"]
    (space,) = client.v3.spaces.list(organization_guids=org["guid"])
    (app,) = client.v3.apps.list(space_guids=space["guid"], names=app_name)
    (process,) = client.v3.processes.list(app_guids=app["guid"])
    scale = f"{process['links']['self']['href']}/actions/scale"
    assert client.post(scale, json={"instances": 2}).status_code == 202
    stats = process["links"]["stats"]["href"]
    eventually(lambda: [i["state"] for i in client.get(stats).json()["resources"]] == ["RUNNING"] * 2)
    assert client.v3.apps.get(app["guid"])["state"] == "STARTED"
    assert "VCAP_APPLICATION" in client.v3.apps.get_env(app["guid"])["application_env_json"]
    assert [route["url"] for route in client.v3.apps.list_routes(app["guid"])] == [f"{app_name}.localhost"]
    client.v3.apps.remove(app["guid"], asynchronous=False)
    assert list(client.v3.apps.list(names=app_name)) == []
