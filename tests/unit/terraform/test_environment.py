"""Every variable that the control plane reads at start is set by Terraform, and none that nobody reads."""

import os
import re
from collections.abc import Iterator, Mapping

os.environ.setdefault("ZF_PREFIX", "zf-test")
from chalicelib.config import from_env
from chalicelib.core.timers import Timers
from tests.unit.terraform.reading import CONFIGURATION, text_of

#: Lambda sets these itself.
LAMBDAS = {"AWS_DEFAULT_REGION", "AWS_REGION"}


class Asked(Mapping[str, str]):
    """An environment that remembers what it was asked for."""

    def __init__(self, **values: str) -> None:
        self.values_, self.names = values, set[str]()

    def __getitem__(self, name: str) -> str:
        self.names.add(name)
        return self.values_[name]

    def __iter__(self) -> Iterator[str]:
        return iter(self.values_)

    def __len__(self) -> int:
        return len(self.values_)


def test_functions_are_told_what_they_read() -> None:
    env = Asked(ZF_PREFIX="zf")
    from_env(env)
    # Intervals have the profile's values; the module's variable settings changes single ones.
    intervals = {f"ZF_{name.upper()}" for name in Timers.__dataclass_fields__}
    text = text_of(CONFIGURATION / "modules" / "control_plane")
    told = set(re.findall(r"^ +(ZF_\w+) += ", text, re.M))
    assert told == env.names - intervals - LAMBDAS
