"""The CloudController's API behind a real socket, for clients that bring their own connections."""

import threading
from collections.abc import Iterator
from contextlib import contextmanager

from infra.local.api import create_server, finish
from infra.local.gateway import Gateway


@contextmanager
def serving(gateway: Gateway) -> Iterator[str]:
    """Its address."""
    server = create_server(gateway)
    threading.Thread(target=server.run, daemon=True).start()
    try:
        yield f"http://127.0.0.1:{server.effective_port}"
    finally:
        finish(server)
