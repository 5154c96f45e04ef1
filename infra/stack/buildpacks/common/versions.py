"""Chooses, of the versions that a stack offers, the newest that an app asks for.

Run as ``versions.py LANGUAGE FILE WISH OFFERED...``: prints the version, or ends with one sentence. FILE is where the
wish stands; an empty wish is for any. A wish is written as npm, Composer, RubyGems and pip do: ``3``, ``3.1.x``,
``^3.1``, ``~3.1``, ``~> 3.1``, ``>=3``, ``<4``, ``1 - 2``; several behind one another must all hold, ``||`` stands
between alternatives. Of a plain version only the first two numbers count: the rest are the stack's repairs.
"""

import re
import sys

CONDITION = re.compile(
    r"(\^|~>|~|>=|<=|>|<|===?|=|!=)?\s*"
    r"v?(\d+(?:\.\d+)*|[xX*])(?:\.[xX*+])*(?:[-+@][\w.+-]*)?(?=[\s,]|$)"
)
RANGE = re.compile(r"(\S+)\s+-\s+(\S+)")


def parts(version):
    return tuple(int(part) for part in re.findall(r"\d+", version)[:3])


def holds(operator, wish, version):
    """Compared as far as both are known: 3 stands for all of 3, and a stack may tell no more than 17."""
    wish = wish[: len(version)]
    known = version[: len(wish)]
    if operator == ">=":
        return known >= wish
    if operator == "<=":
        return known <= wish
    if operator == ">":
        return known > wish
    if operator == "<":
        return known < wish
    if operator == "!=":
        return known != wish
    if operator == "^":
        same = 1 if wish and wish[0] else 2
        return known >= wish and known[:same] == wish[:same]
    if operator in ("~", "~>"):
        # The wider of two readings: of ~3.1 npm takes 3.1 only, Composer all of 3 from there on.
        same = max(1, len(wish) - 1)
        return known >= wish and known[:same] == wish[:same]
    return known[:2] == wish[:2]


def allows(wish, version):
    """Whether one of the wish's alternatives holds. Raises ValueError for what is no wish."""
    for alternative in re.split(r"\|\|?", wish):
        text = RANGE.sub(r">=\1 <=\2", alternative)
        if CONDITION.sub("", text).strip(" ,\t") or not text.strip():
            raise ValueError
        if all(holds(found[1], parts(found[2]), version) for found in CONDITION.finditer(text)):
            return True
    return False


def main():
    language, place, wish, offered = sys.argv[1], sys.argv[2], sys.argv[3].strip(), sys.argv[4:]
    if not offered:
        sys.exit(f"       this stack has no {language} for apps; its operator can install it")
    listed = ", ".join(sorted(offered, key=parts))
    try:
        found = [version for version in offered if not wish or allows(wish, parts(version))]
    except ValueError:
        sys.exit(f"       {place} asks for {language} {wish!r}, which is no version; this stack offers {listed}")
    if not found:
        sys.exit(f"       {place} asks for {language} {wish}, and this stack offers {listed}: ask for one of these")
    print(max(found, key=parts))


if __name__ == "__main__":
    main()
