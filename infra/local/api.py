"""Serves the CloudController's API on loopback: app.py behind our API Gateway, on waitress.

Environment: the common one, ZF_API_LISTEN (127.0.0.1:0) and ZF_ADMIN_PASSWORD: when set, an administrator with it,
org ``local``, space ``dev`` and the shared domain are made first. The ready file tells ``listen``.
"""

import os
import threading

import waitress

from infra.local import ops
from infra.local.gateway import BODY_LIMIT, Gateway

THREADS = 16


def create_server(gateway: Gateway, listen: str = "127.0.0.1:0") -> waitress.server.TcpWSGIServer:
    """A bound server; ``run()`` serves until ``close()``."""
    host, _, port = listen.rpartition(":")
    return waitress.create_server(
        gateway,
        host=host,
        port=int(port),
        threads=THREADS,
        ident="zerofoundry",
        # Bodies up to here are read, so that the answer to one that is too large can be a document.
        max_request_body_size=3 * BODY_LIMIT,
        # The router's X-Forwarded headers are how we learn what the client asked for.
        clear_untrusted_proxy_headers=False,
        connection_limit=2000,
    )


def finish(server: waitress.server.TcpWSGIServer) -> None:
    """Close it once requests at work are done, or 5 s have passed.

    In this order: a thread that has answered wakes the server through a pipe, by a number that ``close()`` gives
    back, so that a late one would write into whatever the process has opened since.
    """
    server.task_dispatcher.shutdown()
    server.close()


def main() -> None:
    """Serve until SIGTERM; requests at work are given time to finish."""
    ops.log_as_json("cc-api", os.environ.get("ZF_LOG_LEVEL", "INFO"))
    stop = ops.stopping()
    from app import app

    if password := os.environ.pop("ZF_ADMIN_PASSWORD", ""):
        from chalicelib import bootstrap
        from chalicelib.services import bootstrap as first_steps

        world = bootstrap.world()
        first_steps.bootstrap(world, password, world.config.domain, org="local", space="dev")
    gateway = Gateway(app)
    server = create_server(gateway, os.environ.get("ZF_API_LISTEN", "127.0.0.1:0"))
    threading.Thread(target=server.run, name="api", daemon=True).start()
    address = ops.serve(lambda: {"api": gateway.counts}, int(os.environ.get("ZF_HTTP_PORT", "0")))
    ops.announce_ready(address, listen=f"http://{server.effective_host}:{server.effective_port}")
    stop.wait()
    finish(server)


if __name__ == "__main__":
    main()
