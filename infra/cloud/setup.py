"""The first steps of an installation: the key that signs, then what chalicelib.services.bootstrap makes.

They are the operator's, with the credentials that applied Terraform, so that neither Terraform's state nor any function
has a password or a key to give away. Each may be repeated: what is there stays as it is.
"""

import os
import secrets
import uuid

from botocore.exceptions import BotoCoreError, ClientError

from chalicelib.contracts.frozen import frozen
from zf.client.errors import ZfError

#: Of the names of the first keys: who makes one twice, or two at once, get the same.
FIRST_KEY = uuid.UUID("6f6f0d54-2f0a-4f1d-9d36-0c7e0f0a5b1e")


@frozen
class Installation:
    """name: Terraform's variable of that name. org, space: made for the first push."""

    name: str
    region: str
    domain: str
    org: str
    space: str


def set_up(wanted: Installation) -> str | None:
    """The administrator's new password, which nobody keeps; None when there is an administrator already.

    Raises ZfError when there is no such installation, or AWS says no.
    """
    try:
        account = make_key(wanted)
        return _first_steps(wanted, account)
    except (ClientError, BotoCoreError) as error:
        raise ZfError(
            f"AWS said no: {error}", "See which account and region are meant: aws sts get-caller-identity"
        ) from None


def make_key(wanted: Installation) -> str:
    """The first value of the secret that Terraform made. Returns the account that it is in.

    Raises ZfError when there is no secret.
    """
    from chalicelib.adapters import aws
    from chalicelib.adapters.keys import new_key

    client, name = aws.client("secretsmanager", wanted.region), f"{wanted.name}-signing-key"
    try:
        secret = client.describe_secret(SecretId=name)
        if not secret.get("VersionIdsToStages"):
            token = str(uuid.uuid5(FIRST_KEY, name))
            client.put_secret_value(SecretId=name, ClientRequestToken=token, SecretString=new_key())
    except client.exceptions.ResourceExistsException:
        pass  # somebody else has made it at this moment
    except client.exceptions.ResourceNotFoundException:
        raise ZfError(
            f"There is no installation {wanted.name} in {wanted.region}",
            "terraform apply makes one (docs/aws.md); its variable name is what is asked for here",
        ) from None
    return str(secret["ARN"].split(":")[4])


def _first_steps(wanted: Installation, account: str) -> str | None:
    os.environ |= {
        "ZF_PREFIX": wanted.name,
        "ZF_ACCOUNT": account,
        "ZF_DOMAIN": wanted.domain,
        "AWS_DEFAULT_REGION": wanted.region,
    }
    # They read the environment when they are imported.
    from chalicelib.bootstrap import world
    from chalicelib.services import bootstrap, users

    password = None if users.by_username(bootstrap.ADMIN) else secrets.token_urlsafe(15)
    bootstrap.bootstrap(world(), password or "", wanted.domain, wanted.org, wanted.space)
    return password
