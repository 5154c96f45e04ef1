"""What the commands say, and how they fail, on the API itself."""

import json
from pathlib import Path

import pytest

from tests.functional.client import Client
from tests.functional.deployments.conftest import Show
from tests.functional.services.broker import PASSWORD, Broker

from ..conftest import Zf
from .conftest import Hands


def test_a_service_from_the_broker_to_the_app(
    real: Zf, hands: Hands, show: Show, broker: Broker, monkeypatch: pytest.MonkeyPatch
) -> None:
    show.running("shop")
    assert "is missing, and there is no terminal" in real("create-service-broker", "acme", "broker", broker.url).err
    monkeypatch.setenv("ZF_BROKER_PASSWORD", "wrong")
    ran = real("create-service-broker", "acme", "broker", broker.url)
    assert ran.status == 1
    assert "--update" in ran.err, "a broker whose catalog cannot be read stays, as in Cloud Foundry"
    monkeypatch.setenv("ZF_BROKER_PASSWORD", PASSWORD)
    ran = real("create-service-broker", "acme", "broker", broker.url, "--update")
    assert ran.out == "Broker acme is changed. Show its plans: zf enable-service-access OFFERING\n", ran.err
    assert PASSWORD not in real("service-brokers").out
    assert "zf enable-service-access" in real("marketplace").out, "nobody sees it yet"
    assert "is not offered to space dev" in real("create-service", "db", "small", "db1").err
    assert real("marketplace", "-e", "nothing").status == 1
    ran = real("create-service-broker", "beta", "broker", PASSWORD, PASSWORD, broker.url)
    assert (ran.status, PASSWORD in ran.err) == (2, False)
    assert real("create-service-broker", "acme", "broker", PASSWORD, broker.url, "--update").status == 0, (
        "as cf takes it"
    )
    assert "(small) is shown to org local" in real("enable-service-access", "db", "-p", "small", "-o", "local").out
    header, row = real("marketplace").out.splitlines()
    assert header.split() == ["offering", "plan", "cost", "visibility", "description"]
    assert row.split()[:4] == ["db", "small", "free", "organization"]

    broker.slow, broker.states = {"provision"}, ["in progress"] * 3
    ran = real("create-service", "db", "small", "db1", "-c", '{"size": 1}', "-t", "sql, orders", "--no-wait")
    assert ran.out == "The broker is at work on db1. See how it goes: zf service db1\n"
    assert next(iter(broker.instances.values()))["parameters"] == {"size": 1}
    broker.slow = set()
    assert real("create-service", "db", "small", "db2").out == "db2 is created. Bind it: zf bind-service APP db2\n"
    assert "-c must be a JSON object" in real("create-service", "db", "small", "db3", "-c", "[1]").err
    broker.answers["provision"] = [(400, {"description": "no disk left"}, {})]
    ran = real("create-service", "db", "small", "db3")
    assert ran.status == 1
    assert "no disk left" in ran.err

    assert "Apply it: zf restart shop" in real("bind-service", "shop", "db2").out
    assert "was bound already" in real("bind-service", "shop", "db2").out
    assert "very-secret-login" in real("env", "shop").out
    assert [line.split()[:4] for line in real("services").out.splitlines() if "db2" in line] == [
        ["db2", "db", "small", "shop"]
    ]
    shown = real("service", "db2").out
    assert "offering   db   plan  small" in shown
    assert "apps       shop" in shown
    assert real("delete-service", "db2").status == 2, "a question, and nobody to answer it"
    real("create-service-key", "db2", "laptop")
    assert json.loads(real("service-key", "db2", "laptop").out)["password"] == "very-secret-login"
    assert "Did you mean laptop?" in real("service-key", "db2", "labtop").err
    assert real("unbind-service", "shop", "db2").status == 0
    assert "db2 is not bound to shop" in real("unbind-service", "shop", "db2").err
    assert real("delete-service", "db2", "-f").out == "Service instance db2 is deleted.\n"
    assert real("delete-service", "db2", "-f").out == "Service instance db2 does not exist: nothing to delete.\n"
    assert "zf delete-service INSTANCE" in real("delete-service-broker", "acme", "-f").err, "it still has instances"


def test_users_and_roles(real: Zf, address: str) -> None:
    assert real("create-user", "ada", "-p", "a long enough password").status == 0
    assert real("create-user", "eva", "a long enough password").status == 0, "as cf takes it"
    assert real("create-user", "ada", "-p", "x").out.startswith("User ada is there already.")
    assert real("set-space-role", "ada", "local", "dev", "spacedeveloper").out == (
        "ada has role SpaceDeveloper in space dev.\n"
    )
    assert "had already role" in real("set-space-role", "ada", "local", "dev", "SpaceDeveloper").out
    assert ["ada", "OrgUser"] in [line.split() for line in real("org-users").out.splitlines()]
    assert ["ada", "SpaceDeveloper"] in [line.split() for line in real("space-users", "local", "dev").out.splitlines()]
    assert real("set-space-role", "ada", "local", "dev", "Boss").status == 2
    assert "zf space-users local SPACE" in real("space-users", "local").err, "not the targeted space"
    assert "No user exists" in real("set-org-role", "nobody", "local", "OrgManager").err
    assert "did not have role" in real("unset-org-role", "ada", "local", "OrgManager").out

    assert real("login", "-a", address, "-u", "ada", "-p", "a long enough password").status == 0
    assert real("create-user", "eve", "-p", "a long enough password").status == 1
    assert "Your roles do not allow it" in real("create-org-quota", "huge").err
    ran = real("passwd", "--old", "wrong", "--new", "another long password")
    assert ran.err == "Error: The old password is wrong.\n  Try again: zf passwd\n"
    assert real("passwd", "--old", "a long enough password", "--new", "another long password").status == 0
    assert real("login", "-u", "ada", "-p", "another long password").status == 0


def test_a_canary_pauses_goes_on_and_back(real: Zf, hands: Hands, show: Show) -> None:
    hands.apps.append(show.running("shop", instances=4))
    assert "belong to a strategy" in real("restart", "shop", "--max-in-flight", "2").err
    assert (
        "Such as: --instance-steps 10,50"
        in real("restart", "shop", "--strategy", "canary", "--instance-steps", "half").err
    )
    assert "Nothing is being deployed" in real("cancel-deployment", "shop").err
    assert "Make one: zf push shop --strategy rolling" in real("deployments", "shop").out
    real("set-env", "shop", "GREETING", "hello")
    ran = real("restart", "shop", "--strategy", "canary", "--instance-steps", "25,50", "--max-in-flight", "2")
    assert ran.status == 0, ran.err
    assert "Paused shop at step 1 of 2" in ran.out
    assert "deploy canary, paused, step 1 of 2" in ran.out
    assert "zf continue-deployment shop" in ran.out
    header, row = real("deployments", "shop").out.splitlines()
    assert header.split() == ["revision", "strategy", "state", "reason", "step", "time", "details"]
    assert row.split()[:7] == ["2", "canary", "active", "paused", "1", "of", "2"]
    assert "Paused shop at step 2 of 2" in real("continue-deployment", "shop").out
    assert real("continue-deployment", "shop", "--json").json["deployment"] is None
    ended = real("deployments", "shop", "--json").json
    assert [(one["value"], one["reason"], one["error"]) for one in ended] == [("FINALIZED", "DEPLOYED", "")]
    assert real("continue-deployment", "shop").status == 1
    assert "4/4 running" in real("app", "shop").out
    runs, before = real("revisions", "shop").out.splitlines()[1:3]
    assert (runs.split()[:2], before.split()[:2]) == (["2", "yes"], ["1", "yes"])
    assert "Those one can go back to: 2, 1" in real("rollback", "shop", "--revision", "7").err
    ran = real("rollback", "shop", "--revision", "1", "--strategy", "canary")
    assert ran.status == 0, ran.err
    assert real("cancel-deployment", "shop", "--json").json["reason"] in ("CANCELING", "CANCELED")


def test_a_task_that_is_waited_for_fails_the_command(real: Zf, hands: Hands, show: Show) -> None:
    show.running("shop")
    assert real("run-task", "shop").status == 2
    hands.doomed.add("migrate")
    ran = real("run-task", "shop", "-c", "sleep 600", "--name", "migrate", "--wait")
    assert ran.status == 1
    assert ran.err.startswith("Error: Task 1 (migrate) failed: ")
    assert real("run-task", "shop", "-c", "true", "--name", "migrate", "--wait", "--json").json["error"]["message"]
    rows = real("tasks", "shop").out.splitlines()[1:]
    assert [row.split()[:3] for row in rows] == [["2", "migrate", "failed"], ["1", "migrate", "failed"]]
    assert "shop has no task 9" in real("terminate-task", "shop", "9").err


def test_places_routes_and_what_operators_look_after(real: Zf, api: Client, home: Path) -> None:
    assert "www.localhost" in real("create-route", "localhost", "-n", "www").out
    assert "is there already" in real("create-route", "www.localhost").out
    assert real("delete-route", "www.localhost", "-f").out == "Route www.localhost is deleted.\n"
    assert "Route 'www.localhost' does not exist" in real("delete-route", "www.localhost").err
    real("create-org", "lab")
    real("create-private-domain", "lab", "lab.example.com")
    assert "everybody's" in real("domains").out
    assert "lab.example.com" not in real("domains").out, "another org's"

    assert real("create-org-quota", "small", "-m", "2G", "-s", "2", "--no-paid").status == 0
    row = next(line for line in real("org-quotas").out.splitlines() if line.startswith("small"))
    assert row.split() == ["small", "2G", "unlimited", "unlimited", "unlimited", "2", "no"]
    assert real("set-org-quota", "lab", "small").out == "Org lab has quota small now.\n"
    assert "Did you mean small?" in real("set-org-quota", "lab", "smal").err
    assert "Choose another name" in real("create-org-quota", "small").err
    assert "-m is 'lots'" in real("create-org-quota", "large", "-m", "lots").err

    assert real("disable-feature-flag", "task_creation").out == "task_creation is disabled.\n"
    assert "Did you mean task_creation or" in real("enable-feature-flag", "task_creatoin").err

    Path("rust").mkdir()
    Path("rust/detect").write_text("#!/bin/sh\n")
    assert real("create-buildpack", "rust", "rust").status == 1, "there is no uploader here"
    assert "rust" not in real("buildpacks").out, "nothing half made stays"
    assert "Cannot read nowhere.zip" in real("create-buildpack", "rust", "nowhere.zip").err
    assert real("update-buildpack", "python_buildpack").status == 2
    real("update-buildpack", "python_buildpack", "-i", "2", "--lock", "--rename", "py")
    row = next(line for line in real("buildpacks").out.splitlines() if " py " in line)
    assert row.split()[0] == "2"
    assert row.split()[4] == "yes"

    assert "Choose another name" in real("rename-org", "lab", "local").err
    real("rename-space", "dev", "test")
    assert real("target", "--json").json["space"]["name"] == "test", "the target goes with it"
    real("delete-org", "local", "-f")
    assert real("target", "--json").json["org"] is None
