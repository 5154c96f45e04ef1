"""What organizations and spaces may use at most, and what they use. Pure: amounts, limits, and the words of refusal.

A counter row keeps for every kind what is used and what is left; a charge is one update under the condition that
enough is left, so that a quota that changes and a charge that comes at the same moment cannot pass each other.
"""

from collections.abc import Mapping
from dataclasses import fields
from typing import Any

from chalicelib.contracts.frozen import frozen

#: What is left where nothing is limited: more than all that anybody can ask for, and exact in DynamoDB (38 digits).
UNLIMITED = 10**20


@frozen
class Use:
    """An amount of everything that is counted; negative to give back.

    log_rate: bytes/s of instances that have a limit; unlimited_logs: instances that have none. tasks: not ended.
    largest_mb: memory of the largest instance among those charged; it is compared, never counted.
    """

    memory_mb: int = 0
    instances: int = 0
    tasks: int = 0
    routes: int = 0
    reserved_ports: int = 0
    domains: int = 0
    service_instances: int = 0
    paid_service_instances: int = 0
    service_keys: int = 0
    log_rate: int = 0
    unlimited_logs: int = 0
    largest_mb: int = 0

    def __add__(self, other: "Use") -> "Use":
        amounts = {kind: getattr(self, kind) + getattr(other, kind) for kind in KINDS}
        return Use(**amounts, largest_mb=max(self.largest_mb, other.largest_mb))

    def __neg__(self) -> "Use":
        return Use(**{kind: -getattr(self, kind) for kind in KINDS})

    def __sub__(self, other: "Use") -> "Use":
        """What has to be charged when ``other`` is charged already; the size is one's own."""
        amounts = {kind: getattr(self, kind) - getattr(other, kind) for kind in KINDS}
        return Use(**amounts, largest_mb=self.largest_mb)

    def without_size(self) -> "Use":
        return Use(**{kind: getattr(self, kind) for kind in KINDS})

    def amounts(self) -> dict[str, int]:
        """kind -> amount, without zeros."""
        return {kind: getattr(self, kind) for kind in KINDS if getattr(self, kind)}


#: What is counted.
KINDS = tuple(field.name for field in fields(Use) if field.name != "largest_mb")


def running(instances: int, memory_mb: int, log_rate: int) -> Use:
    """Of so many instances of a process. log_rate: bytes/s of one; -1 for no limit."""
    logs = {"unlimited_logs": instances} if log_rate < 0 else {"log_rate": instances * log_rate}
    return Use(instances=instances, memory_mb=instances * memory_mb, largest_mb=memory_mb if instances else 0, **logs)


def task(memory_mb: int, log_rate: int) -> Use:
    """Of a task that has not ended."""
    logs = {"unlimited_logs": 1} if log_rate < 0 else {"log_rate": log_rate}
    return Use(tasks=1, memory_mb=memory_mb, largest_mb=memory_mb, **logs)


#: Sections of a quota document: its fields, and the kinds that they limit. Numbers may be null: unlimited.
APPS = {
    "total_memory_in_mb": "memory_mb",
    "per_process_memory_in_mb": "largest_mb",
    "total_instances": "instances",
    "per_app_tasks": "tasks",
    "log_rate_limit_in_bytes_per_second": "log_rate",
}
SERVICES = {"total_service_instances": "service_instances", "total_service_keys": "service_keys"}
ROUTES = {"total_routes": "routes", "total_reserved_ports": "reserved_ports"}
DOMAINS = {"total_domains": "domains"}
#: A field of section services: whether plans that cost may be had.
PAID = "paid_services_allowed"


def limits(quota: Mapping[str, Any]) -> dict[str, int]:
    """kind -> limit, of a quota's fields by their names in documents; what it does not name is unlimited."""
    named = {**APPS, **SERVICES, **ROUTES, **DOMAINS}
    found = {kind: quota[field] for field, kind in named.items() if quota.get(field) is not None}
    all_kinds = dict.fromkeys((*KINDS, "largest_mb"), UNLIMITED) | found
    if all_kinds["log_rate"] < UNLIMITED:
        all_kinds["unlimited_logs"] = 0
    if quota.get(PAID) is False:
        all_kinds["paid_service_instances"] = 0
    return all_kinds


def lacking(use: Use, left: Mapping[str, int]) -> list[str]:
    """The kinds of which ``use`` wants more than is left. What is given back never lacks."""
    return [kind for kind in (*KINDS, "largest_mb") if getattr(use, kind) > max(0, left.get(kind, 0))]


#: kind -> Cloud Foundry's words for an exceeded organization's and space's quota. {name}: of the org or space.
_INSTANCES = {
    "memory_mb": ("memory quota_exceeded", "memory space_quota_exceeded"),
    "largest_mb": ("memory instance_memory_limit_exceeded", "memory space_instance_memory_limit_exceeded"),
    "instances": (
        "app_instance_limit app_instance_limit_exceeded",
        "app_instance_limit space_app_instance_limit_exceeded",
    ),
    "log_rate": ("log_rate_limit exceeds organization log rate quota", "log_rate_limit exceeds space log rate quota"),
    "unlimited_logs": (
        "log_rate_limit cannot be unlimited in organization '{name}'.",
        "log_rate_limit cannot be unlimited in space '{name}'.",
    ),
    "routes": ("Routes quota exceeded for organization '{name}'.", "Routes quota exceeded for space '{name}'."),
    "reserved_ports": (
        "Reserved route ports quota exceeded for organization '{name}'.",
        "Reserved route ports quota exceeded for space '{name}'.",
    ),
    "domains": ('The number of private domains exceeds the quota for organization "{name}"', ""),
    "service_instances": (
        "You have exceeded your organization's services limit.",
        "You have exceeded your space's services limit.",
    ),
    "paid_service_instances": (
        "The service instance cannot be created because paid service plans are not allowed.",
        "The service instance cannot be created because paid service plans are not allowed for your space.",
    ),
    "service_keys": (
        "You have exceeded your organization's limit for service binding of type key.",
        "You have exceeded your space's limit for service binding of type key.",
    ),
}
#: The same for tasks, where the words differ.
_TASKS = {
    "memory_mb": ("memory_in_mb exceeds organization memory quota", "memory_in_mb exceeds space memory quota"),
    "largest_mb": (
        "memory_in_mb exceeds organization instance memory quota",
        "memory_in_mb exceeds space instance memory quota",
    ),
    "tasks": ("app_task_limit quota exceeded", "app_task_limit quota exceeded"),
}


def refusal(use: Use, kind: str, is_space: bool, name: str) -> str:
    """What to tell whoever wanted ``use``."""
    texts = _INSTANCES | _TASKS if use.tasks else _INSTANCES
    return texts[kind][is_space].format(name=name)
