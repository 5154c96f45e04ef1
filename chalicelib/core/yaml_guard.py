"""YAML from outside, read so that a small text cannot become a large value: size, depth and aliases are bounded. Pure.

An alias makes one node stand in many places. Reading that is cheap, but whoever walks the value, or merges it by
``<<``, pays for every place; so the places are counted before anything is made of the nodes.

PyYAML is a tenth of a cold start of the API, of whose requests few have YAML in them: it is imported where it is used.
"""

from itertools import accumulate
from typing import Any

MAX_CHARACTERS = 128 * 1024
#: Nodes, counting one as often as it is referred to.
MAX_NODES = 50_000
MAX_DEPTH = 40
#: Brackets that are open at once, those within texts counted: the parser's time grows with their square.
MAX_BRACKETS = 200

MERGE, TEXT = "tag:yaml.org,2002:merge", "tag:yaml.org,2002:str"


class YamlRefused(ValueError):
    """The text says why, for its author."""


def load(text: str) -> Any:
    """The document's value, made of plain types. Raises YamlRefused."""
    if len(text) > MAX_CHARACTERS:
        raise YamlRefused(f"it is longer than {MAX_CHARACTERS // 1024} KB")
    if _brackets(text) > MAX_BRACKETS:
        raise YamlRefused("it is nested too deeply")
    import yaml

    try:
        loader = yaml.SafeLoader(text)
        node = loader.get_single_node()
        if node is None:
            return None
        _weigh(node, {}, 1)
        return loader.construct_document(node)
    except YamlRefused:
        raise
    except yaml.MarkedYAMLError as error:
        mark = error.problem_mark
        where = f" in line {mark.line + 1}" if mark else ""
        raise YamlRefused(f"{error.problem or error.context}{where}") from None
    except RecursionError:
        raise YamlRefused("it is nested too deeply") from None
    except (yaml.YAMLError, ValueError, TypeError, OverflowError, AttributeError):
        raise YamlRefused("it is not valid YAML") from None


def _brackets(text: str) -> int:
    """The most that are open at once."""
    steps = (1 if character in "[{" else -1 for character in text if character in "[]{}")
    return max(accumulate(steps), default=0)


def _weigh(node: Any, weights: dict[int, int], depth: int) -> int:
    """How many nodes there are below a YAML node, aliases counted in full. One that is being weighed holds itself."""
    if depth > MAX_DEPTH:
        raise YamlRefused("it is nested too deeply")
    if id(node) in weights:
        if not (weight := weights[id(node)]):
            raise YamlRefused("an alias refers to what it is part of")
        return weight
    weights[id(node)] = 0
    weight = 1
    if node.id == "scalar" and any("\ud800" <= character <= "\udfff" for character in node.value):
        raise YamlRefused("it has text in it that is not valid Unicode")
    for child in _children(node):
        weight += _weigh(child, weights, depth + 1)
        if weight > MAX_NODES:
            raise YamlRefused("it becomes too large, by its aliases or by itself")
    weights[id(node)] = weight
    return weight


def _children(node: Any) -> list[Any]:
    if node.id == "mapping":
        for key, _ in node.value:
            if key.id == "scalar" and key.tag != MERGE:
                key.tag = TEXT  # a variable named ON or 8080 is called what is written
        return [child for pair in node.value for child in pair]
    return list(node.value) if node.id == "sequence" else []
