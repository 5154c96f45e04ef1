"""When a cloud is ready: an application could be pushed now.

Every component says so of itself; what is left is that they have found each other: HM has heard of every DEA, and
every router leads to the API.
"""

import json
import ssl
from pathlib import Path
from urllib.error import URLError
from urllib.request import HTTPSHandler, OpenerDirector, ProxyHandler, Request, build_opener

from infra.local import authority
from infra.local.account import REGION
from infra.local.plan import Options

_opener = build_opener(ProxyHandler({}))


def is_ready(aws_url: str, prefix: str, options: Options) -> bool:
    """Looks once; False also while somebody does not answer."""
    try:
        return deas_heard_of(aws_url, prefix) >= options.deas and routes_the_api(options)
    except (URLError, OSError, ValueError, KeyError):
        return False


def deas_heard_of(aws_url: str, prefix: str) -> int:
    """Rows that HM has made from heartbeats. By hand: an SDK would cost the supervisor half a second."""
    scope = f"AWS4-HMAC-SHA256 Credential=local/20260101/{REGION}/dynamodb/aws4_request, Signature=none"
    headers = {"X-Amz-Target": "DynamoDB_20120810.Scan", "Content-Type": "application/x-amz-json-1.0"}
    question = json.dumps({"TableName": f"{prefix}-deas", "Select": "COUNT", "ConsistentRead": True}).encode()
    request = Request(aws_url, question, headers | {"Authorization": scope})
    with _opener.open(request, timeout=5) as answer:
        return int(json.load(answer)["Count"])


def routes_the_api(options: Options) -> bool:
    """Whether the first router answers for the API's host."""
    url = f"{options.scheme}://127.0.0.1:{options.port}/v3/info"
    request = Request(url, headers={"Host": f"api.{options.domain}"})
    with _opener_for(options).open(request, timeout=5) as answer:
        return bool(answer.status == 200)


def _opener_for(options: Options) -> OpenerDirector:
    if not options.certificates:
        return _opener
    trusted = ssl.create_default_context(cafile=Path(options.certificates).parent / authority.AUTHORITY)
    return build_opener(ProxyHandler({}), HTTPSHandler(context=trusted))
