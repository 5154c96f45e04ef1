"""``python -m dea_agent.leaving``: drain this host's DEA when AWS takes the machine back, then let it go.

The instance's own metadata says so: a group that ends it (target-lifecycle-state ``Terminated``, while a lifecycle
hook holds the machine) and the two minutes' warning of a spot instance. Asking costs nothing and needs no right.

Environment: ``ZF_DEA_ID`` (the instance), ``ZF_HTTP_PORT`` (the agent's), ``ZF_GROUP`` and ``ZF_LIFECYCLE_HOOK``
(autoscaling group and its hook), ``AWS_DEFAULT_REGION``, ``ZF_DRAIN_DEADLINE_S``;
``AWS_EC2_METADATA_SERVICE_ENDPOINT`` for another place of the metadata.
"""

import logging
import os
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Mapping
from dataclasses import dataclass

from chalicelib.adapters import aws, json_log
from chalicelib.core import timers

log = logging.getLogger(__name__)

#: How often it is asked, seconds. A spot warning comes 120 s before the end.
LOOK_S = 5
#: For the metadata and the agent, both on this machine, seconds.
TIMEOUT_S = 2
#: What a token of the metadata is good for, seconds.
TOKEN_S = 300
#: Beyond the agent's own deadline, for what it stops then, seconds.
STOP_S = 60


@dataclass(frozen=True, slots=True)
class Config:
    """agent: base address of its /drain and /healthz. metadata: base address of the instance's."""

    instance: str
    agent: str
    group: str
    hook: str
    region: str
    metadata: str
    patience_s: float


def from_env(env: Mapping[str, str]) -> Config:
    """Raises ValueError, naming the variable that is missing."""
    for name in ("ZF_DEA_ID", "ZF_HTTP_PORT", "ZF_GROUP", "ZF_LIFECYCLE_HOOK", "AWS_DEFAULT_REGION"):
        if not env.get(name):
            raise ValueError(f"{name} is not set")
    return Config(
        instance=env["ZF_DEA_ID"],
        agent=f"http://127.0.0.1:{env['ZF_HTTP_PORT']}",
        group=env["ZF_GROUP"],
        hook=env["ZF_LIFECYCLE_HOOK"],
        region=env["AWS_DEFAULT_REGION"],
        metadata=env.get("AWS_EC2_METADATA_SERVICE_ENDPOINT", "http://169.254.169.254").rstrip("/"),
        patience_s=timers.from_env(env).drain_deadline_s + STOP_S,
    )


#: Why a machine is taken back.
GROUP_ENDS_IT, SPOT_ENDS_IT = "its group ends it", "its spot instance is interrupted"


def reason_to_leave(lifecycle: str | None, spot: str | None) -> str | None:
    """What the metadata says, as a reason; None while the machine stays. Either is None where there is no such word."""
    if lifecycle == "Terminated":
        return GROUP_ENDS_IT
    return None if spot is None else SPOT_ENDS_IT


class Metadata:
    """The instance's metadata, version 2: every look with a token."""

    def __init__(self, base: str) -> None:
        self._base = base

    def look(self) -> tuple[str | None, str | None]:
        """Target lifecycle state and spot warning; None for what there is none of. Raises OSError."""
        ask = {"X-aws-ec2-metadata-token-ttl-seconds": str(TOKEN_S)}
        token = _call(urllib.request.Request(f"{self._base}/latest/api/token", headers=ask, method="PUT"))
        return self._get("autoscaling/target-lifecycle-state", token), self._get("spot/instance-action", token)

    def _get(self, path: str, token: str) -> str | None:
        told = {"X-aws-ec2-metadata-token": token}
        try:
            return _call(urllib.request.Request(f"{self._base}/latest/meta-data/{path}", headers=told))
        except urllib.error.HTTPError as error:
            if error.code == 404:
                return None
            raise


def _call(request: urllib.request.Request) -> str:
    # Addresses of this machine, made above: nobody's input. No proxy of the environment may come between.
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=TIMEOUT_S) as answer:
        return str(answer.read(65536).decode())


def wait_for_reason(metadata: Metadata, sleep: Callable[[float], None]) -> str:
    """Until the machine is wanted back; metadata that do not answer are asked again."""
    while True:
        try:
            reason = reason_to_leave(*metadata.look())
        except OSError as error:
            log.warning("the metadata do not answer: %s", error)
            reason = None
        if reason:
            return reason
        sleep(LOOK_S)


def drain(config: Config, clock: Callable[[], float], sleep: Callable[[float], None]) -> bool:
    """Ask the agent to drain until it hears, then wait until it has ended. False when it has not ended in time."""
    until = clock() + config.patience_s
    asked = False
    while clock() < until:
        try:
            if not asked:
                _call(urllib.request.Request(f"{config.agent}/drain", method="POST"))
                asked = True
            _call(urllib.request.Request(f"{config.agent}/healthz"))
        except urllib.error.HTTPError as error:
            log.warning("the agent refuses: %s", error)
        except OSError:
            if asked:
                return True
            # It may be between two boots; one that never comes has nothing to lose.
        sleep(1)
    return False


def let_go(config: Config) -> None:
    """Tell the group that this machine may end. Raises botocore's errors."""
    client = aws.client("autoscaling", config.region)
    client.complete_lifecycle_action(
        AutoScalingGroupName=config.group,
        LifecycleHookName=config.hook,
        InstanceId=config.instance,
        LifecycleActionResult="CONTINUE",
    )


def main() -> int:
    try:
        config = from_env(os.environ)
    except ValueError as error:
        print(f"leaving: {error}", file=sys.stderr)
        return 2
    json_log.set_up(f"leaving of {config.instance}", os.environ.get("ZF_LOG_LEVEL", "INFO"))
    reason = wait_for_reason(Metadata(config.metadata), time.sleep)
    log.warning("this machine is taken back: %s; its DEA drains", reason)
    if not drain(config, time.monotonic, time.sleep):
        log.error("the DEA did not end in %.0f s; what still runs here ends with the machine", config.patience_s)
    if reason == GROUP_ENDS_IT:
        let_go(config)
    return 0


if __name__ == "__main__":
    sys.exit(main())
