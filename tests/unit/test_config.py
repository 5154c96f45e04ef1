import pytest

from chalicelib.config import from_env


@pytest.mark.parametrize(
    ("wrong", "said"),
    [
        ({"ZF_PREFIX": ""}, "ZF_PREFIX is not set"),
        ({"ZF_EXTERNAL_PORT": "https"}, "ZF_EXTERNAL_PORT is 'https'"),
        ({"ZF_EXTERNAL_PORT": "65536"}, "ZF_EXTERNAL_PORT is '65536'"),
        ({"ZF_EXTERNAL_SCHEME": "ftp"}, "ZF_EXTERNAL_SCHEME is 'ftp'; it can be http, https"),
        ({"ZF_HEARTBEAT_S": "often"}, "ZF_HEARTBEAT_S"),
        ({"ZF_ALLOWED_ADDRESSES": "10.0.0.0/99"}, "ZF_ALLOWED_ADDRESSES"),
    ],
    ids=lambda value: str(value)[:40],
)
def test_a_variable_that_is_missing_or_wrong_is_named(wrong: dict[str, str], said: str) -> None:
    with pytest.raises(ValueError, match=said):
        from_env({"ZF_PREFIX": "zf"} | wrong)


def test_the_apis_address_has_its_port_only_where_it_is_not_the_schemes_own() -> None:
    assert from_env({"ZF_PREFIX": "zf", "ZF_DOMAIN": "example.com"}).api_url == "https://api.example.com"
    local = {"ZF_PREFIX": "zf", "ZF_EXTERNAL_PORT": "8080", "ZF_EXTERNAL_SCHEME": "http"}
    assert from_env(local).api_url == "http://api.localhost:8080"
