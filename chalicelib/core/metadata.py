"""Labels and annotations: what they may be, and how a change is merged into what is there. Pure."""

import json
import re
from collections.abc import Mapping

KINDS = ("labels", "annotations")

#: How many there may be, and how large together: all of a resource must fit in one DynamoDB item (400 KB).
MOST = {"labels": 50, "annotations": 200}
MAX_ANNOTATION = 5000
MAX_CHARACTERS = 64 * 1024
#: As they are stored, where a character that is not ASCII takes 6 bytes or 12.
MAX_BYTES = 128 * 1024

#: Keys as Kubernetes has them: an optional prefix, which is a DNS name, and a name; the values of labels likewise.
PREFIX = re.compile(r"[A-Za-z0-9]([A-Za-z0-9.-]{0,251}[A-Za-z0-9])?\Z")
PART = re.compile(r"[A-Za-z0-9]([A-Za-z0-9_.-]{0,61}[A-Za-z0-9])?\Z")


def merged(kind: str, present: Mapping[str, str], changes: object) -> tuple[dict[str, str], list[str]]:
    """What is there afterwards, and what is wrong with the changes. ``kind`` is of KINDS; None deletes a key."""
    if not isinstance(changes, dict):
        return dict(present), [f"Metadata {kind} must be an object"]
    wrong = [sentence for key, value in changes.items() for sentence in _wrong(kind, str(key), value)]
    result = {str(key): value for key, value in {**present, **changes}.items() if value is not None}
    if len(result) > MOST[kind]:
        wrong.append(f"Failed to add {len(changes)} {kind} because it would exceed maximum of {MOST[kind]}")
    elif sum(len(key) + len(str(value)) for key, value in result.items()) > MAX_CHARACTERS:
        wrong.append(f"Metadata {kind} must be at most {MAX_CHARACTERS} characters together")
    elif len(json.dumps(result)) > MAX_BYTES:
        wrong.append(f"Metadata {kind} must be at most {MAX_BYTES} bytes together, escaped as JSON")
    return result, wrong


def _wrong(kind: str, key: str, value: object) -> list[str]:
    wrong = []
    prefix, _, name = key.rpartition("/")
    if not PART.match(name) or (prefix and not PREFIX.match(prefix)):
        wrong.append(f"Metadata {kind[:-1]} key error: '{key[:60]}' contains invalid characters")
    if kind == "labels" and value and not (isinstance(value, str) and PART.match(value)):
        wrong.append(f"Metadata label value error: that of '{key[:60]}' contains invalid characters")
    elif value is not None and not (isinstance(value, str) and len(value) <= MAX_ANNOTATION):
        wrong.append(
            f"Metadata {kind[:-1]} value error: '{key[:60]}' must be text of at most {MAX_ANNOTATION} characters"
        )
    return wrong
