"""What documents of organization quotas and of space quotas have in common: the sections of their limits."""

from collections.abc import Mapping
from typing import Any

from chalicelib.api.parsing import MAX_INTEGER, Body
from chalicelib.core.quotas import APPS, DOMAINS, PAID, ROUTES, SERVICES

#: Log rates are larger than other numbers.
MAX_LOG_RATE = 2**63 - 1

#: Sections and their numbers. Organizations alone have domains.
SPACE_SECTIONS = {"apps": tuple(APPS), "services": tuple(SERVICES), "routes": tuple(ROUTES)}
ORG_SECTIONS = SPACE_SECTIONS | {"domains": tuple(DOMAINS)}


def parse(body: Body, sections: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """The fields that the body names; null lifts a limit."""
    found: dict[str, Any] = {}
    for section, numbers in sections.items():
        part = body.part(section)
        for name in numbers:
            if part.has(name):
                found[name] = part.integer(name, maximum=MAX_LOG_RATE if name.startswith("log_rate") else MAX_INTEGER)
        if section == "services" and part.has(PAID):
            found[PAID] = part.boolean(PAID, default=True)
        part.finish()
    return found


def render(fields: Mapping[str, Any], sections: Mapping[str, tuple[str, ...]]) -> dict[str, Any]:
    """All sections, whatever is set."""
    document: dict[str, Any] = {
        section: {name: fields.get(name) for name in numbers} for section, numbers in sections.items()
    }
    document["services"] = {PAID: fields.get(PAID) is not False} | document["services"]
    return document
