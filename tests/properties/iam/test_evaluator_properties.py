"""Whatever the policies say: wildcards, and that a Deny wins."""

from typing import Any

from hypothesis import given
from hypothesis import strategies as st

from infra.iam.evaluator import Call, applies, is_allowed, matches, matches_arn

#: Few letters, so that patterns meet texts; those that regular expressions would take for theirs among them.
LETTERS = "ab:.+["
texts = st.text(LETTERS, max_size=8)
patterns = st.text(LETTERS + "*?", max_size=8)
arns = st.lists(st.text("ab", max_size=2), min_size=6, max_size=7).map(":".join)
arn_patterns = st.lists(st.text("ab*?", max_size=2), min_size=6, max_size=7).map(":".join)

statements = st.fixed_dictionaries(
    {
        "Effect": st.sampled_from(["Allow", "Deny"]),
        "Action": st.lists(st.sampled_from(["sqs:Send", "sqs:*", "s?s:Send", "sns:Publish"]), min_size=1, max_size=2),
        "Resource": st.lists(patterns, min_size=1, max_size=2) | patterns,
    },
    optional={
        "Condition": st.sampled_from(
            [{"Bool": {"aws:SecureTransport": "false"}}, {"StringLike": {"aws:SourceArn": ["a*", "b"]}}]
        ),
        "Principal": st.sampled_from(
            [
                "*",
                {"Service": "sns.amazonaws.com"},
                {"AWS": "arn:aws:iam::1:root"},
                {"AWS": ["arn:aws:iam::1:role/dea", "arn:aws:iam::2:root"]},
            ]
        ),
    },
)
policies = st.lists(st.lists(statements, max_size=3).map(lambda found: {"Statement": found}), max_size=3)
calls = st.builds(
    Call,
    st.sampled_from(["sqs:Send", "SQS:send", "sns:Publish", "sqs:Delete"]),
    texts,
    st.sampled_from(["service:sns.amazonaws.com", "arn:aws:iam::1:role/dea", "arn:aws:iam::3:role/x"]),
    st.dictionaries(st.sampled_from(["aws:securetransport", "aws:sourcearn"]), st.sampled_from(["false", "ab", "b"])),
)


def by_hand(pattern: str, text: str) -> bool:
    """The same without regular expressions: which beginnings of the text the pattern so far can be."""
    reached = {0}
    for letter in pattern:
        if letter == "*":
            reached = set(range(min(reached), len(text) + 1)) if reached else set()
        else:
            reached = {at + 1 for at in reached if at < len(text) and letter in ("?", text[at])}
    return len(text) in reached


@given(patterns, texts)
def test_wildcards_stand_for_what_they_are_said_to(pattern: str, text: str) -> None:
    assert matches(pattern, text) == by_hand(pattern, text)


@given(texts, st.data())
def test_a_text_matches_itself_with_anything_of_it_left_open(text: str, data: st.DataObject) -> None:
    assert matches(text, text)
    start = data.draw(st.integers(0, len(text)))
    end = data.draw(st.integers(start, len(text)))
    assert matches(f"{text[:start]}*{text[end:]}", text)
    assert matches(f"{text[:start]}{'?' * (end - start)}{text[end:]}", text)


@given(arn_patterns, arns)
def test_arns_are_matched_part_by_part_which_is_never_more(pattern: str, arn: str) -> None:
    if matches_arn(pattern, arn):
        assert matches(pattern, arn)
        parts = zip(pattern.split(":", 5), arn.split(":", 5), strict=True)
        assert all(by_hand(wanted, found) for wanted, found in parts)


@given(policies, calls, statements)
def test_a_deny_that_speaks_of_a_call_wins_wherever_it_stands(
    given_policies: list[dict[str, Any]], call: Call, statement: dict[str, Any]
) -> None:
    deny = {**statement, "Effect": "Deny"}
    before = is_allowed(given_policies, call)
    for policies_now in ([{"Statement": [deny]}, *given_policies], [*given_policies, {"Statement": [deny]}]):
        assert is_allowed(policies_now, call) == (before and not applies(deny, call))


@given(policies, calls, statements)
def test_one_allow_more_takes_nothing_away(
    given_policies: list[dict[str, Any]], call: Call, statement: dict[str, Any]
) -> None:
    allow = {"Statement": [{**statement, "Effect": "Allow"}]}
    if is_allowed(given_policies, call):
        assert is_allowed([*given_policies, allow], call)


@given(policies, calls)
def test_only_what_somebody_allows_is_allowed_and_order_does_not_matter(
    given_policies: list[dict[str, Any]], call: Call
) -> None:
    allowed = is_allowed(given_policies, call)
    assert allowed == is_allowed([{**one, "Statement": one["Statement"][::-1]} for one in given_policies[::-1]], call)
    only_denies = [
        {"Statement": [{**one, "Effect": "Deny"} for one in policy["Statement"]]} for policy in given_policies
    ]
    assert not is_allowed(only_denies, call)
    if allowed:
        assert any(applies(one, call) for policy in given_policies for one in policy["Statement"])
