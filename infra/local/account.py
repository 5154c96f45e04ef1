"""The account that the local cloud plays. Apart from ``cloud``, so that who needs only names does not load the SDK."""

ACCOUNT, REGION = "123456789012", "us-east-1"

#: Any value is accepted by moto; these show in nobody's account.
CREDENTIALS = {"AWS_ACCESS_KEY_ID": "local", "AWS_SECRET_ACCESS_KEY": "local", "AWS_DEFAULT_REGION": REGION}
