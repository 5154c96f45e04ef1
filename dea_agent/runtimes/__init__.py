"""Two runtimes behind one interface, and the choice between them."""

import hashlib
import logging

from dea_agent.config import Config
from dea_agent.runtimes import cgroup
from dea_agent.runtimes.base import Runtime
from dea_agent.runtimes.process import ProcessRuntime

log = logging.getLogger(__name__)

#: File in the agent's folder with the name of the runtime that its instances have.
NOTE = "runtime"


def choose(config: Config) -> Runtime:
    """``auto`` takes Docker when an engine answers and the stack's image exists, and stays with what it once took:
    an engine that is away for a while has not taken the instances along.

    Two clouds on one host are told apart by the agent's folder. Raises ValueError when Docker is wanted and cannot be
    used.
    """
    wanted, folder = config.runtime, config.dir
    note = folder / NOTE
    if wanted == "auto" and note.exists():
        wanted = note.read_text()
    runtime = _make(wanted, config)
    folder.mkdir(parents=True, exist_ok=True)
    note.write_text(runtime.name)
    return runtime


def _make(wanted: str, config: Config) -> Runtime:
    name = f"zf-{config.dea_id}-{hashlib.blake2b(str(config.dir.resolve()).encode(), digest_size=4).hexdigest()}"
    if wanted != "process":
        # Imported here: it takes 0.2 s that a host without Docker need not spend.
        from dea_agent.runtimes.docker import DockerRuntime, DockerUnusable

        try:
            return DockerRuntime.connect(name, config.dir, config.host, config.allowed_addresses, config.image_cache_mb)
        except DockerUnusable as problem:
            if wanted == "docker":
                raise ValueError(f"the Docker runtime cannot be used: {problem}") from None
            log.info("taking the process runtime: %s", problem)
    return ProcessRuntime(cgroup.detect(name))
