"""``python -m dea_agent``: one DEA on this host, until a signal ends it. Its apps outlive it."""

import asyncio
import logging
import os
import signal
import sys

import aiohttp

from chalicelib.adapters import aws, json_log
from chalicelib.adapters.bus import Bus
from dea_agent import runtimes
from dea_agent.agent import Agent, write_ready_file
from dea_agent.config import Config, from_env
from dea_agent.membership import Membership


async def serve(config: Config) -> None:
    runtime = runtimes.choose(config)
    membership = Membership(config.membership) if config.membership else None
    if membership:
        aws.use(membership.credentials)
    bus = Bus(config.dea_id, config.prefix, config.region, config.account)
    # Apps, blobs and routers are reached directly: a proxy of the environment is for people.
    async with aiohttp.ClientSession() as http:
        agent = Agent(config, runtime, bus, http)
        loop = asyncio.get_running_loop()
        if membership:
            membership.on_refused = lambda: loop.call_soon_threadsafe(agent.drain)
        for number in (signal.SIGTERM, signal.SIGINT):
            loop.add_signal_handler(number, agent.leave)
        loop.add_signal_handler(signal.SIGUSR2, agent.drain)
        await agent.run(ready=lambda: write_ready_file(config, agent.http, agent.boot))


def main() -> int:
    try:
        config = from_env(os.environ)
    except ValueError as error:
        sys.exit(f"dea_agent: {error}")
    json_log.set_up(config.dea_id, config.log_level)
    try:
        # Not asyncio.run: it would wait for threads, which may hang in a call to the bus.
        asyncio.new_event_loop().run_until_complete(serve(config))
    except ValueError as error:
        logging.error("%s", error)
        return 1
    return 0


if __name__ == "__main__":
    code = main()
    logging.shutdown()
    os._exit(code)  # for the same reason
