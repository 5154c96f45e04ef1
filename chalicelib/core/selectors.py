"""Label selectors: ``k=v``, ``k!=v``, ``k``, ``!k``, ``k in (a,b)``, ``k notin (a,b)``, all of them together. Pure."""

from collections.abc import Mapping, Sequence

#: Of a selector; a resource has 50 labels.
MAX_TERMS = 100

#: Key, one of HOLDS, operand.
Term = tuple[str, str, frozenset[str]]


def parse(selector: str) -> list[Term]:
    """Raises ValueError, with a sentence, for what is no selector."""
    texts = _split(selector)
    if len(texts) > MAX_TERMS:
        raise ValueError(f"at most {MAX_TERMS} terms")
    return [_term(text) for text in texts]


def selects(terms: Sequence[Term], labels: Mapping[str, str]) -> bool:
    """Whether all terms hold for the labels. ``!=`` and ``notin`` hold where there is no such label, too."""
    for key, word, operand in terms:
        value = labels.get(key)
        holds = {
            "exists": value is not None,
            "missing": value is None,
            "in": value in operand,
            "notin": value not in operand,
        }[word]
        if not holds:
            return False
    return True


def _split(selector: str) -> list[str]:
    """At the commas outside of parentheses."""
    parts, depth = [""], 0
    for character in selector:
        depth += (character == "(") - (character == ")")
        if character == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += character
    return [part.strip() for part in parts]


def _term(text: str) -> Term:
    for word in ("notin", "in"):
        key, found, rest = text.partition(f" {word} ")
        rest = rest.strip()
        if found and rest.startswith("(") and rest.endswith(")"):
            return _key(key), word, frozenset(item.strip() for item in rest[1:-1].split(","))
    for symbol, word in (("!=", "notin"), ("==", "in"), ("=", "in")):
        key, found, value = text.partition(symbol)
        if found:
            return _key(key), word, frozenset({value.strip()})
    return (_key(text[1:]), "missing", frozenset()) if text.startswith("!") else (_key(text), "exists", frozenset())


def _key(text: str) -> str:
    key = text.strip()
    if not key or any(character in "!=() " for character in key):
        raise ValueError("Invalid label_selector value")
    return key
