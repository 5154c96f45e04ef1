"""AWS on one machine: moto's DynamoDB, S3, SQS, SNS, Secrets Manager and STS behind one HTTP server of our own.

Requests go straight to moto's service handlers instead of through its Flask applications: that is a third of
the start-up time and most of the time per call, and connections stay open. DynamoDB is served one call at a
time, because moto keeps no lock and every call is short.

Environment: ZF_LISTEN_FD (a listening socket, inherited from the supervisor; without it a free port), ZF_PREFIX (when
set, the cloud of infra/topology.json is built before anybody is served), ZF_WEATHER_SEED and the rest of weather.py
(bad weather; it may be changed while it runs: ``POST /weather`` at the health address).
"""

import os
import socket
import threading
from collections import Counter
from collections.abc import Callable, Iterable
from typing import Any
from wsgiref.types import StartResponse

import waitress
from moto.core.request import Request
from moto.s3.responses import S3Response
from moto.secretsmanager.responses import SecretsManagerResponse
from moto.sns.responses import SNSResponse
from moto.sqs.responses import SQSResponse
from moto.sts.responses import TokenResponse

from infra.local import moto_fixes, ops, weather
from infra.local.ops import listen

#: Long polls hold a thread each: every agent and every event source worker has one open.
THREADS = 80

Answer = tuple[int, dict[str, Any], Any]
Handler = Callable[..., Answer]


class ServerRequest(Request):
    """As moto's own server marks it: someone else writes the Date header."""

    from_wsgi_server = True


class Aws:
    """The WSGI application. ``handlers``: moto's, by service."""

    def __init__(self) -> None:
        self.handlers = dict(HANDLERS)
        self._dynamodb_lock = threading.RLock()
        self._calls: Counter[str] = Counter()

    def __call__(self, environ: dict[str, Any], start_response: StartResponse) -> Iterable[bytes]:
        moto_fixes.client.gone = environ.get("waitress.client_disconnected", bool)
        environ["RAW_URI"] = environ.get("REQUEST_URI", environ["PATH_INFO"])
        environ.setdefault("CONTENT_LENGTH", "0")
        request = ServerRequest(environ)
        service = service_of(request)
        self._calls[f"{service}.{operation_of(request)}"] += 1
        try:
            status, headers, body = self.answer(service, request)
        except moto_fixes.ClientGone:
            status, headers, body = 499, {}, ""
        raw = body if isinstance(body, bytes) else str(body or "").encode()
        head = [(k, str(v)) for k, v in headers.items() if k.lower() not in ("status", "content-length", "connection")]
        # A HEAD answer tells the length of what GET would bring.
        length = headers.get("content-length", headers.get("Content-Length")) if request.method == "HEAD" else None
        start_response(f"{status} -", [*head, ("Content-Length", str(length or len(raw)))])
        return [b"" if request.method == "HEAD" else raw]

    def answer(self, service: str, request: Request) -> Answer:
        """(status, headers, body) of one call."""
        if service == "dynamodb":
            with self._dynamodb_lock:
                return self.handlers["dynamodb"](request)
        handler = s3_handler(request.path) if service == "s3" else self.handlers.get(service, _unknown)
        return handler(request, request.url, dict(request.headers))

    def varz(self) -> dict[str, Any]:
        """Calls by ``service.operation`` since the start."""
        return {"calls": dict(self._calls)}


def service_of(request: Request) -> str:
    """The service's name in the signature; presigned and unsigned requests are S3's."""
    target = request.headers.get("X-Amz-Target", "")
    if target.startswith("DynamoDB_"):
        return "dynamodb"
    scope = request.headers.get("Authorization", "").partition("Credential=")[2].partition(",")[0].split("/")
    return scope[3] if len(scope) == 5 else "s3"


def operation_of(request: Request) -> str:
    """As the header names it; the HTTP method of services whose protocol has no such header (S3, SNS)."""
    return request.headers.get("X-Amz-Target", "").rpartition(".")[2] or str(request.method)


def s3_handler(path: str) -> Handler:
    bucket, _, key = path.lstrip("/").partition("/")
    if key:
        return S3Response.key_dispatch
    return S3Response.ambiguous_dispatch if bucket else S3Response.bucket_dispatch


HANDLERS: dict[str, Handler] = {
    "dynamodb": moto_fixes.DynamoHandlerOnJson.dispatch,
    "sqs": SQSResponse.dispatch,
    "sns": SNSResponse.dispatch,
    "secretsmanager": SecretsManagerResponse.dispatch,
    "sts": TokenResponse.dispatch,
}


def _unknown(*_: Any) -> Answer:
    return 400, {}, "this cloud has DynamoDB, S3, SQS, SNS, Secrets Manager and STS"


def start(app: Any, listener: socket.socket, threads: int = THREADS) -> waitress.server.MultiSocketServer:
    """A server on a bound socket; ``run()`` serves until ``close()``."""
    return waitress.create_server(
        app,
        sockets=[listener],
        threads=threads,
        ident="zerofoundry",
        # Lets a long poll notice that its client has died.
        channel_request_lookahead=1,
        connection_limit=2000,
        outbuf_overflow=64 * 1024 * 1024,
        max_request_body_size=5 * 1024**3,
        clear_untrusted_proxy_headers=False,
    )


def serve_in_thread(app: Any, listener: socket.socket, threads: int = THREADS) -> str:
    """Serve from a daemon thread; returns the address."""
    server = start(app, listener, threads)
    threading.Thread(target=server.run, name="aws", daemon=True).start()
    host, port = listener.getsockname()[:2]
    return f"http://{host}:{port}"


def main() -> None:
    """Serve until SIGTERM. The cloud is built through a private address before the public one answers."""
    ops.log_as_json("aws", os.environ.get("ZF_LOG_LEVEL", "INFO"))
    stop = ops.stopping()
    moto_fixes.apply()
    app = Aws()
    if prefix := os.environ.get("ZF_PREFIX"):
        from infra.local import cloud

        cloud.build(cloud.topology(), prefix, serve_in_thread(app, listen(), threads=8))
    posts: dict[str, Callable[[Any], None]] = {}
    if outlook := weather.forecast(os.environ):
        from infra.local.weather_layer import StormyAws

        app = stormy = StormyAws(*outlook)
        posts["/weather"] = lambda document: stormy.change(weather.parse(document))
    descriptor = os.environ.get("ZF_LISTEN_FD")
    listener = socket.socket(fileno=int(descriptor)) if descriptor else listen()
    address = serve_in_thread(app, listener)
    ops.announce_ready(ops.serve(app.varz, int(os.environ.get("ZF_HTTP_PORT", "0")), posts), listen=address)
    stop.wait()


if __name__ == "__main__":
    main()
