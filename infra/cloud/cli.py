"""``zf cloud``: the first steps of an installation in AWS."""

import click

from infra.cloud.setup import Installation, set_up
from zf.command import Invocation, command


@click.group(context_settings={"help_option_names": ["-h", "--help"]})
def cloud() -> None:
    """Begin an installation in an AWS account of your own."""


@command(
    "setup",
    "zf cloud setup acme-paas --region eu-central-1 --domain apps.example.com",
    "zf cloud setup acme-paas --region eu-central-1 --domain apps.example.com --json",
)
@click.argument("name")
@click.option("--region", envvar=["AWS_REGION", "AWS_DEFAULT_REGION"], required=True, help="Where Terraform made it.")
@click.option("--domain", required=True, help="As Terraform was told.")
@click.option("--org", default="main", show_default=True, help="The first org.")
@click.option("--space", default="dev", show_default=True, help="The first space in it.")
def setup(invocation: Invocation, **wanted: str) -> None:
    """After terraform apply: make the signing key, the administrator, a first org and space.

    It uses your AWS credentials. It may be repeated; what is there stays as it is.
    """
    installation = Installation(**wanted)
    password = set_up(installation)
    api = f"https://api.{installation.domain}"
    console = invocation.console
    if password is None:
        console.say(f"{installation.name} has an administrator already, whose password stays. All else is there, too.")
    else:
        console.say(f"{installation.name} is ready for its first user: admin, password {password}")
        console.say("The password is kept nowhere else: store it now. To change it: zf passwd")
    console.say(f"Log in: zf login -a {api} -u admin")
    console.result({"name": installation.name, "api": api, "user": "admin", "password": password})


cloud.add_command(setup)
