"""What may be asked of deployments, and by whom. What is wrong is said in Cloud Foundry's words; nothing is made."""

from typing import Any

from tests.functional.deployments.conftest import PAUSED, Show

GUID = "6d3e7b1c-0000-4000-8000-000000000000"
STEPS = "Options.canary.steps"

#: What is sent beside the app, and what is answered.
WRONG: list[tuple[dict[str, Any], str]] = [
    ({"strategy": "blue-green"}, "Strategy 'blue-green' is not a supported deployment strategy"),
    ({"strategy": 7}, "Strategy must be a string"),
    ({"surprise": 1}, "Unknown field(s): 'surprise'"),
    ({"droplet": "x"}, "Droplet must be an object"),
    ({"droplet": {}}, "Droplet.guid can't be blank"),
    ({"droplet": {"guid": 7}}, "Droplet.guid must be a string"),
    (
        {"droplet": {"guid": GUID}, "revision": {"guid": GUID}},
        "Droplet Cannot set both fields 'droplet' and 'revision'",
    ),
    (
        {"droplet": {"guid": GUID}},
        "Unable to assign current droplet. Ensure the droplet exists and belongs to this app.",
    ),
    ({"droplet": {"guid": "\u00e4" * 300}}, "Droplet.guid is too long (maximum is 250 characters)"),
    ({"revision": {"guid": GUID}}, "The revision does not exist"),
    ({"revision": {"guid": []}}, "Revision.guid must be a string"),
    ({"options": []}, "Options must be an object"),
    ({"options": {"x": 1, "y": 2}}, "Options has unsupported key(s): x, y"),
    ({"options": {"max_in_flight": 0}}, "Max in flight must be an integer greater than 0"),
    ({"options": {"max_in_flight": "2"}}, "Max in flight must be an integer greater than 0"),
    ({"options": {"max_in_flight": 10**40}}, "Max in flight must be an integer greater than 0"),
    ({"options": {"max_in_flight": True}}, "Max in flight must be an integer greater than 0"),
    ({"options": {"web_instances": -1}}, "Web instances must be greater than or equal to 0"),
    ({"options": {"web_instances": 1.5}}, "Web instances is not a number"),
    ({"options": {"memory_in_mb": 0}}, "Memory in mb must be greater than or equal to 1"),
    ({"options": {"disk_in_mb": {}}}, "Disk in mb is not a number"),
    ({"options": {"canary": {"steps": []}}}, "Options.canary are only valid for Canary deployments"),
    ({"strategy": "canary", "options": {"canary": 1}}, "Options.canary must be an object"),
    ({"strategy": "canary", "options": {"canary": {"x": 1}}}, "Options.canary has unsupported key(s): x"),
    ({"strategy": "canary", "options": {"canary": {"steps": [1]}}}, f"{STEPS} must be an array of objects"),
    ({"metadata": {"labels": {"a b": "c"}}}, ""),
]

#: Weights of canary steps, and what is wrong with them.
WRONG_STEPS: list[tuple[Any, str]] = [
    ([{"instance_weight": 1, "x": 2}], f"{STEPS} has unsupported key(s): x"),
    ([{"instance_weight": 0}], f"{STEPS}.instance weight must be an Integer between 1-100 (inclusive)"),
    ([{"instance_weight": 101}], f"{STEPS}.instance weight must be an Integer between 1-100 (inclusive)"),
    ([{"instance_weight": "10"}], f"{STEPS}.instance weight must be an Integer between 1-100 (inclusive)"),
    ([{"instance_weight": 50}, {"instance_weight": 10}], f"{STEPS}.instance weight must be sorted in ascending order"),
    ([{"instance_weight": 1}] * 101, f"{STEPS} must be at most 100"),
]


def test_what_is_wrong_is_said_and_nothing_is_made(show: Show) -> None:
    app = show.running()
    cases = [*WRONG, *(({"strategy": "canary", "options": {"canary": {"steps": s}}}, text) for s, text in WRONG_STEPS)]
    for body, text in cases:
        refused = show.deploy(app, **body)
        assert refused.status == 422, (body, refused.text)
        assert refused.json["errors"][0]["code"] == 10008
        assert text in " | ".join(refused.details), body
    for raw in ("[]", "{", "\udcff".encode("utf-8", "surrogateescape"), "null"):
        assert show.api.post("/v3/deployments", body=raw).status == 400
    for relationships in (None, {}, {"app": None}, {"app": {"data": None}}, {"app": {"data": {"guid": 7}}}):
        assert show.api.post("/v3/deployments", json={"relationships": relationships}).status == 422
    unknown = show.deploy(GUID)
    assert unknown.error[2] == "Unable to use app. Ensure that the app exists and you have access to it."
    empty = show.stage.create("empty")["guid"]
    assert show.deploy(empty).error[2].startswith("Invalid droplet. Please specify a droplet in the request")
    other = show.running("other")
    foreign = show.api.get(f"/v3/apps/{other}/droplets/current").guid
    assert show.deploy(app, droplet={"guid": foreign}).error[2].startswith("Unable to assign current droplet")
    assert show.api.get("/v3/deployments").guids == []
    assert show.sizes(app) == [1]
    assert show.api.get("/v3/deployments?surprise=1").error[0] == 10005
    assert show.api.get("/v3/deployments?order_by=droplet").error[0] == 10005
    for path in (f"/v3/deployments/{GUID}", "/v3/deployments/%00", "/v3/deployments/" + "x" * 2000):
        assert show.api.get(path).error[2] == "Deployment not found"
        assert show.api.post(f"{path}/actions/cancel").error[2] == "Deployment not found"
        assert show.api.post(f"{path}/actions/continue").error[2] == "Deployment not found"


def test_a_command_that_no_droplet_has_is_refused(show: Show) -> None:
    app = show.running()
    refused = show.deploy(app, droplet={"guid": show.droplet(app, {"worker": "python worker.py"})})
    assert refused.error[2].startswith("The app has no start command.")


#: role -> may see, may deploy, may label; who may do nothing first.
ROLES = {
    "": (False, False, False),
    "space_auditor": (True, False, False),
    "space_manager": (True, False, False),
    "space_supporter": (True, True, False),
    "space_developer": (True, True, True),
}


def test_roles(show: Show) -> None:
    app = show.running()
    guid = show.deployed(app, strategy="canary")
    assert show.run(guid, app) == PAUSED
    label = {"metadata": {"labels": {"a": "b"}}}
    for number, (role, (may_see, _, may_label)) in enumerate(ROLES.items()):
        caller = show.stage.member(f"user-{number}", role) if role else show.stage.api.user(f"user-{number}")
        hidden = 403 if may_see else 404
        assert caller.get(f"/v3/deployments/{guid}").status == (200 if may_see else 404), role
        assert caller.get("/v3/deployments").guids == ([guid] if may_see else []), role
        assert caller.patch(f"/v3/deployments/{guid}", json=label).status == (200 if may_label else hidden), role
    for number, (role, (_, may_deploy, _)) in enumerate(ROLES.items()):
        caller = show.api.acting_as(f"user-{number}")
        if role == "space_developer":
            guid = show.deployed(app, strategy="canary")
            assert show.run(guid, app) == PAUSED
        for verb in ("continue", "cancel"):
            told = caller.post(f"/v3/deployments/{guid}/actions/{verb}")
            assert told.status == (200 if may_deploy else 404), role
            assert may_deploy or told.error[2] == "Deployment not found"
        assert show.deploy(app, api=caller).status == (201 if may_deploy else 422), role
