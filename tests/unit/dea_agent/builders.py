"""Starts and instances for tests: sensible in everything that a test does not say."""

from dataclasses import replace
from typing import Any

from chalicelib.contracts.auction import HealthCheck, Limits, Start
from dea_agent.registry import Instance, born


def a_start(guid: str = "guid-1", **changes: Any) -> Start:
    start = Start(
        app_guid="app-1",
        app_name="hello",
        process_guid="process-1",
        process_type="web",
        version=1,
        index=0,
        instance_guid=guid,
        limits=Limits(256, 512),
        health=HealthCheck(),
        spec_url="http://blobs/spec?signature=secret",
        droplet_url="http://blobs/droplet?signature=secret",
        droplet_digest="sha256:" + "0" * 64,
        routes=("hello.example",),
        routes_version=3,
        route_grant="grant",
    )
    return replace(start, **changes)


def an_instance(guid: str = "guid-1", **changes: Any) -> Instance:
    return replace(born(a_start(guid), port=20000, uid=None, now=100.0), **changes)
