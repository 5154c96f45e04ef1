"""What a DEA fetches by a presigned link before it runs or stages something: the part that holds secrets."""

from dataclasses import field

from chalicelib.contracts.frozen import frozen
from chalicelib.contracts.network import Egress, PolicyTo


@frozen
class Image:
    """A Docker image. name: as ``docker pull`` takes it; of a droplet, with its digest.

    username, password: for its registry, empty for none. port: where it listens, unless the user says something else.
    """

    name: str
    username: str = ""
    password: str = ""
    port: int = 8080


@frozen
class SidecarSpec:
    """A command that runs beside the process's own, in the same container, folder and environment."""

    name: str
    command: str


@frozen
class RunSpec:
    """S3 object ``runspecs/<process_guid>/<version>.json``, of a task ``taskspecs/<task_guid>.json``.

    command: the start command (user's own, else the droplet's; empty for the image's own). env: the user's variables,
    strings.
    vcap_application: without the per-instance fields, which the DEA adds. vcap_services: as the app sees it.
    ports: those that the app's destinations name; the first is ``$PORT``. isolation_segment: name of the hosts that may
    run it, None for the shared ones. egress, policies: where it may connect, besides public addresses. image: what it
    runs instead of a droplet.
    """

    process_guid: str
    version: int
    command: str
    env: dict[str, str] = field(default_factory=dict)
    vcap_application: str = "{}"
    vcap_services: str = "{}"
    sidecars: tuple[SidecarSpec, ...] = ()
    ports: tuple[int, ...] = (8080,)
    isolation_segment: str | None = None
    egress: tuple[Egress, ...] = ()
    policies: tuple[PolicyTo, ...] = ()
    image: Image | None = None


@frozen
class StagingSpec:
    """S3 object ``stagingspecs/<build_guid>.json``: the variables that the buildpacks see.

    isolation_segment: as in :class:`RunSpec`. egress: where its scripts may connect, besides public addresses. image:
    what is looked at, instead of a package.
    """

    build_guid: str
    env: dict[str, str] = field(default_factory=dict)
    vcap_application: str = "{}"
    vcap_services: str = "{}"
    isolation_segment: str | None = None
    egress: tuple[Egress, ...] = ()
    image: Image | None = None
