"""What IAM decides from the policies of a role and of a resource of one account: an explicit Deny wins, then any Allow,
else no. An Allow for a whole account leaves it to the roles' own policies, and allows nothing by itself.

As much of the language as our policies use: Action and Resource with wildcards, Principal as ``*``, AWS or Service, and
the condition operators in CONDITIONS. Anything else is an error and not a guess.
"""

import re
from collections.abc import Callable, Iterable, Mapping
from dataclasses import field
from functools import cache
from typing import Any

from chalicelib.contracts.frozen import frozen

Policy = Mapping[str, Any]

#: What a statement may consist of.
KNOWN = {"Sid", "Effect", "Action", "Resource", "Principal", "Condition"}


@frozen
class Call:
    """principal: ``service:sns.amazonaws.com`` or the ARN of a role; "" where only policies of roles are asked, which
    name none. context: condition keys, in lower case, and their values."""

    action: str
    resource: str
    principal: str = ""
    context: Mapping[str, str] = field(default_factory=dict)


def is_allowed(policies: Iterable[Policy], call: Call) -> bool:
    """Raises ValueError for what is not understood."""
    found = [s for policy in policies for s in policy["Statement"] if applies(s, call)]
    if any(s["Effect"] == "Deny" for s in found):
        return False
    return any(s["Effect"] == "Allow" and not _is_left_to_roles(s) for s in found)


def applies(statement: Mapping[str, Any], call: Call) -> bool:
    """Whether a statement speaks of this call."""
    if unknown := set(statement) - KNOWN:
        raise ValueError(f"a statement with {', '.join(sorted(unknown))} is not understood")
    return (
        any(matches(pattern.lower(), call.action.lower()) for pattern in _several(statement["Action"]))
        and any(matches(pattern, call.resource) for pattern in _several(statement["Resource"]))
        and _is_meant(statement.get("Principal"), call.principal)
        and all(_holds(operator, wanted, call.context) for operator, wanted in statement.get("Condition", {}).items())
    )


def matches(pattern: str, text: str) -> bool:
    """``*`` stands for anything, ``?`` for one character."""
    return _expression(pattern).fullmatch(text) is not None


@cache
def _expression(pattern: str) -> re.Pattern[str]:
    parts = (".*" if part == "*" else "." if part == "?" else re.escape(part) for part in re.split(r"([*?])", pattern))
    return re.compile("".join(parts), re.DOTALL)


def matches_arn(pattern: str, text: str) -> bool:
    """As ArnLike has it: each of the six parts by itself, so that ``*`` crosses no colon but in the last."""
    wanted, found = pattern.split(":", 5), text.split(":", 5)
    return len(wanted) == len(found) and all(map(matches, wanted, found))


def _equal(wanted: str, found: str) -> bool:
    return wanted == found


def _equal_but_case(wanted: str, found: str) -> bool:
    return wanted.lower() == found.lower()


#: operator -> (wanted, found) -> whether it holds. AWS takes ArnEquals for ArnLike.
CONDITIONS: dict[str, Callable[[str, str], bool]] = {
    "ArnEquals": matches_arn,
    "ArnLike": matches_arn,
    "Bool": _equal_but_case,
    "StringEquals": _equal,
    "StringLike": matches,
}


def _holds(operator: str, wanted: Mapping[str, Any], context: Mapping[str, str]) -> bool:
    """A key that the call does not have makes the condition false."""
    if operator not in CONDITIONS:
        raise ValueError(f"the condition operator {operator} is not understood")
    holds = CONDITIONS[operator]
    return all(
        key.lower() in context and any(holds(str(value), context[key.lower()]) for value in _several(values))
        for key, values in wanted.items()
    )


def _is_meant(principal: Any, caller: str) -> bool:
    """A role's own policy names no principal. ``arn:...:root`` is every role of that account."""
    if principal is None or principal == "*":
        return True
    if caller.startswith("service:"):
        return caller.removeprefix("service:") in _several(principal.get("Service", []))
    return any(
        name in ("*", caller) or (name.endswith(":root") and name.split(":")[4] == caller.split(":")[4])
        for name in _several(principal.get("AWS", []))
        if caller
    )


def _is_left_to_roles(statement: Mapping[str, Any]) -> bool:
    """Whether its principals are accounts and nobody else."""
    principal = statement.get("Principal")
    return isinstance(principal, dict) and all(
        kind == "AWS" and name.endswith(":root") for kind, names in principal.items() for name in _several(names)
    )


def _several(value: Any) -> list[str]:
    return [value] if isinstance(value, str) else list(value)
