"""The context object that Lambda hands to a function."""

import time
import uuid
from dataclasses import dataclass, field

from infra.local import account


@dataclass(frozen=True, slots=True)
class LambdaContext:
    """One invocation. ``timeout_s``: what the function is given; a Lambda function has 900 s at most."""

    function_name: str
    timeout_s: float = 900
    function_version: str = "$LATEST"
    memory_limit_in_mb: str = "1024"
    aws_request_id: str = field(default_factory=lambda: str(uuid.uuid4()))
    started_at: float = field(default_factory=time.monotonic)

    @property
    def invoked_function_arn(self) -> str:
        return f"arn:aws:lambda:{account.REGION}:{account.ACCOUNT}:function:{self.function_name}"

    def get_remaining_time_in_millis(self) -> int:
        return max(0, int((self.started_at + self.timeout_s - time.monotonic()) * 1000))
