"""curl: any request to the API, with the login of the config file."""

import json
from pathlib import Path

import click

from zf.client.errors import UsageError, ZfError
from zf.command import Invocation, command


@command(
    "curl",
    "zf curl /v3/apps",
    'zf curl /v3/apps/GUID -X PATCH -d \'{"name": "hello2"}\'',
    "zf curl /v3/spaces/GUID/actions/apply_manifest -X POST -H 'Content-Type: application/x-yaml' -d @manifest.yml",
)
@click.argument("path")
@click.option("-X", "--method", help="Method; POST with -d, else GET.")
@click.option("-d", "--data", help="Body; @FILE takes it from a file.")
@click.option("-H", "--header", "headers", multiple=True, metavar="NAME: VALUE", help="Header; may be repeated.")
@click.option("-i", "--include", is_flag=True, help="Show status and headers too.")
@click.option("--fail", is_flag=True, help="End with status 1 when the API answers with an error.")
def curl(
    it: Invocation,
    path: str,
    method: str | None,
    data: str | None,
    headers: tuple[str, ...],
    include: bool,
    fail: bool,
) -> None:
    """Send a request to the API with your login and print the body.

    With --json: an object of status, headers and body.
    """
    if not path.startswith("/"):
        raise UsageError(f"'{path}' is not a path of the API", "Begin with a slash: zf curl /v3/apps")
    sent = {"Content-Type": "application/json"} if data else {}
    for header in headers:
        name, colon, value = header.partition(":")
        if not colon:
            raise UsageError(f"'{header}' is not a header", "Write it as -H 'NAME: VALUE'")
        sent = {key: kept for key, kept in sent.items() if key.lower() != name.strip().lower()} | {
            name.strip(): value.strip()
        }
    body = _body(data) if data else None
    response = it.api.http.send((method or ("POST" if data else "GET")).upper(), path, content=body, headers=sent)
    if it.console.as_json:
        try:
            answer = response.json()
        except ValueError:
            answer = response.text
        it.console.result({"status": response.status_code, "headers": dict(response.headers), "body": answer})
    else:
        if include:
            it.console.say(f"HTTP {response.status_code} {response.reason_phrase}")
            for name, value in response.headers.items():
                it.console.say(f"{name}: {value}")
            it.console.say()
        click.echo(_pretty(response.content) if it.console.tty else response.content, nl=it.console.tty)
    if fail and response.status_code >= 400:
        raise ZfError(f"The API answered {response.status_code}")


def _body(data: str) -> bytes:
    if not data.startswith("@"):
        return data.encode()
    try:
        return Path(data[1:]).read_bytes()
    except OSError as error:
        raise ZfError(f"Cannot read {data[1:]}: {error.strerror}", "Give a file: -d @FILE") from None


def _pretty(content: bytes) -> bytes:
    try:
        return json.dumps(json.loads(content), indent=2, ensure_ascii=False).encode()
    except ValueError:
        return content
