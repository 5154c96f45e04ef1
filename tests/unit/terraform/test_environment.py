"""Every variable that the control plane reads at start is set by Terraform, and none that nobody reads."""

import os
import re
from collections.abc import Callable, Iterator, Mapping

os.environ.setdefault("ZF_PREFIX", "zf-test")
import dea_agent.config
import dea_agent.leaving
import router.config
import router.uploader.__main__
from chalicelib.config import from_env
from chalicelib.core.known_variables import KNOWN
from chalicelib.core.timers import VARIABLES
from tests.unit.house.test_house import ROOT
from tests.unit.terraform.reading import CONFIGURATION, text_of

#: They have the profile's values; the variable ``settings`` changes single ones.
INTERVALS = set(VARIABLES)


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


#: What agents read and hosts of the cloud leave at its default, with the reason.
LEFT = {
    "dea": {
        "ZF_UID_BASE": "containers have users of their own",
        "ZF_STACK": "there is one",
        "ZF_READY_FILE": "systemd starts it",
        "ZF_BUILDPACKS_DIR": "beside the agent",
        "ZF_DROPLET_CACHE_MB": "4 GB of the disk",
        "ZF_IMAGE_CACHE_MB": "10 GB of the disk",
        "ZF_DISK_FULL_PERCENT": "90",
        "ZF_MEMBERSHIP": "a host of the account has its role",
    },
    "router": {
        "ZF_READY_FILE": "systemd starts it",
        "ZF_CERTIFICATES_S": "300 at AWS",
        "ZF_HTTPS_REDIRECT": "308",
        "ZF_PLAIN_DRAINS": "no",
        "ZF_STICKY_COOKIES": "JSESSIONID",
        "ZF_API_CA": "the system's authorities",
    },
}
INSTALL = (ROOT / "infra" / "hosts" / "files" / "install").read_text()


def told_hosts(kind: str) -> set[str]:
    """What the root tells all hosts, the pool its own, and the machine itself when it installs."""
    texts = [text_of(CONFIGURATION), text_of(CONFIGURATION / "modules" / f"{kind}_pool")]
    named = {name for text in texts for name in re.findall(r"^ +(ZF_\w+) += ", text, re.M)}
    own = re.search(rf"^        {kind}\)(.*?);;", INSTALL, re.M | re.S)
    assert own
    return named | set(re.findall(r'echo "(ZF_\w+)=', own[1])) | {"ZF_HOST"}


def asked_by(*reads: Callable[[Mapping[str, str]], object], **values: str) -> set[str]:
    env = Asked(**values)
    for read in reads:
        read(env)
    return {name for name in env.names if name.startswith("ZF_")} - INTERVALS


def told_functions() -> set[str]:
    return set(re.findall(r"^ +(ZF_\w+) += ", text_of(CONFIGURATION / "modules" / "control_plane"), re.M))


def read_by_deas() -> set[str]:
    needed = {"ZF_DEA_ID": "i-1", "ZF_DEA_DIR": "/x", "ZF_PREFIX": "zf", "ZF_HTTP_PORT": "1"}
    needed |= {"ZF_GROUP": "g", "ZF_LIFECYCLE_HOOK": "h", "AWS_DEFAULT_REGION": "us-east-1"}
    return asked_by(dea_agent.config.from_env, dea_agent.leaving.from_env, **needed)


def read_by_routers() -> set[str]:
    needed = {"ZF_ROUTER_ID": "i-1", "ZF_ROUTER_DIR": "/x", "ZF_PREFIX": "zf", "ZF_UPLOADER_SOCKET": "/y"}
    needed |= {"ZF_API_UPSTREAM": "https://a.example.com/cf", "ZF_TLS_LISTEN": "0.0.0.0:8443"}
    needed |= {"ZF_CERTIFICATES": "ssm:/zf/tls"}
    return asked_by(router.config.from_env, router.uploader.__main__.from_env, **needed)


def test_deas_are_told_what_they_read() -> None:
    read, told = read_by_deas(), told_hosts("dea")
    assert read - told == set(LEFT["dea"])
    assert told - read == {"ZF_DOMAIN"}


def test_routers_are_told_what_they_read() -> None:
    read, told = read_by_routers(), told_hosts("router")
    assert read - told == set(LEFT["router"])
    assert told - read == set()


def test_functions_are_told_what_they_read() -> None:
    assert told_functions() == asked_by(from_env, ZF_PREFIX="zf")


def test_what_is_known_is_what_is_read() -> None:
    """A host that is told a variable which is not known does not start."""
    read = read_by_deas() | read_by_routers() | asked_by(from_env, ZF_PREFIX="zf")
    told = told_hosts("dea") | told_hosts("router") | told_functions()
    assert told - KNOWN == set()
    # Registries of packages, read where builds are.
    assert read | {"ZF_STAGING_ENV_PASS"} == KNOWN
