"""The evaluator decides as IAM does, and says so where it does not know."""

import pytest

from infra.iam.evaluator import Call, is_allowed, matches, matches_arn

ALLOW = {"Effect": "Allow", "Action": "sqs:Send*", "Resource": "arn:aws:sqs:us-east-1:1:zf-*"}
CALL = Call("sqs:SendMessage", "arn:aws:sqs:us-east-1:1:zf-cc")


def policy(*statements: object) -> dict[str, object]:
    return {"Statement": list(statements)}


def test_what_nobody_allows_is_refused() -> None:
    assert not is_allowed([], CALL)
    assert is_allowed([policy(ALLOW)], CALL)
    assert not is_allowed([policy(ALLOW)], Call("sqs:DeleteQueue", CALL.resource))


def test_a_deny_anywhere_wins() -> None:
    assert not is_allowed([policy(ALLOW), policy({**ALLOW, "Effect": "Deny"})], CALL)


def test_actions_are_compared_without_case_and_resources_with_it() -> None:
    assert is_allowed([policy(ALLOW)], Call("SQS:sendmessage", CALL.resource))
    assert not is_allowed([policy(ALLOW)], Call(CALL.action, CALL.resource.upper()))


def test_a_condition_on_what_the_call_does_not_have_is_false() -> None:
    guarded = {**ALLOW, "Condition": {"ArnEquals": {"aws:SourceArn": "arn:aws:sns:us-east-1:1:zf-dea"}}}
    assert not is_allowed([policy(guarded)], CALL)
    told = Call(CALL.action, CALL.resource, "", {"aws:sourcearn": "arn:aws:sns:us-east-1:1:zf-dea"})
    assert is_allowed([policy(guarded)], told)


def test_a_principal_is_a_service_or_somebody_of_an_account() -> None:
    service = {**ALLOW, "Principal": {"Service": "sns.amazonaws.com"}}
    assert is_allowed([policy(service)], Call(CALL.action, CALL.resource, "service:sns.amazonaws.com"))
    assert not is_allowed([policy(service)], Call(CALL.action, CALL.resource, "service:events.amazonaws.com"))
    somebody = {**ALLOW, "Principal": {"AWS": "arn:aws:iam::1:role/dea"}}
    assert is_allowed([policy(somebody)], Call(CALL.action, CALL.resource, "arn:aws:iam::1:role/dea"))
    assert not is_allowed([policy(somebody)], Call(CALL.action, CALL.resource, "arn:aws:iam::1:role/router"))
    assert is_allowed([policy({**ALLOW, "Principal": "*"})], Call(CALL.action, CALL.resource, "arn:aws:iam::2:role/x"))


def test_an_account_is_allowed_what_its_roles_are() -> None:
    account = {**ALLOW, "Principal": {"AWS": "arn:aws:iam::1:root"}}
    ours = Call(CALL.action, CALL.resource, "arn:aws:iam::1:role/dea")
    assert not is_allowed([policy(account)], ours)
    assert is_allowed([policy(account), policy(ALLOW)], ours)
    denied = policy({**account, "Effect": "Deny"})
    assert not is_allowed([denied, policy(ALLOW)], ours)
    assert is_allowed([denied, policy(ALLOW)], Call(CALL.action, CALL.resource, "arn:aws:iam::2:role/dea"))


def test_what_is_not_understood_is_an_error() -> None:
    with pytest.raises(ValueError, match="NotAction"):
        is_allowed([policy({**ALLOW, "NotAction": "x"})], CALL)
    with pytest.raises(ValueError, match="IpAddress"):
        is_allowed([policy({**ALLOW, "Condition": {"IpAddress": {"aws:SourceIp": "10.0.0.0/8"}}})], CALL)


def test_wildcards() -> None:
    assert matches("a*c", "abbc")
    assert matches("a?c", "abc")
    assert not matches("a?c", "ac")
    assert not matches("a.c", "abc")
    assert matches_arn("arn:aws:sns:*:1:zf-*", "arn:aws:sns:eu-west-1:1:zf-dea")
    assert not matches_arn("arn:aws:*:1:zf-dea", "arn:aws:sns:eu-west-1:1:zf-dea")
