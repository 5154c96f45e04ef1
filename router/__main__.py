"""``python -m router``: run the router agent. See router.config for its environment."""

import asyncio
import logging
import os
import signal
import sys

from chalicelib.adapters.json_log import set_up
from router.agent import Agent, ListenError
from router.config import Config, from_env

log = logging.getLogger(__name__)


async def _run(config: Config) -> None:
    agent = Agent(config)
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, agent.end)
    await agent.run()


def main() -> int:
    """0 after an end that was asked for, 1 when it cannot run, 2 when it is told nonsense."""
    try:
        config = from_env(os.environ)
        set_up(config.id, config.log_level)
    except ValueError as error:
        print(error, file=sys.stderr)
        return 2
    try:
        asyncio.run(_run(config))
    except (ListenError, TimeoutError, OSError) as error:
        log.error("the router cannot run: %s", error)
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    # Threads that wait for a bus which is away must not hold up the end.
    os._exit(code)
