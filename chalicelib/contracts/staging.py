"""Staging a package into a droplet on a DEA."""

from dataclasses import field

from chalicelib.contracts.auction import Limits
from chalicelib.contracts.frozen import frozen


@frozen
class InstalledBuildpack:
    """One that an administrator has installed. name: as apps ask for it.

    builtin: the folder of the DEA's own buildpacks that it is; else url (presigned GET of a zip) and digest
    (``sha256:<hex>``).
    """

    name: str
    builtin: str | None = None
    url: str | None = None
    digest: str | None = None


@frozen
class StagingStart:
    """``staging.start``, CC to the winner's queue. Dedupe key: instance_guid (minted per attempt by CC).

    package_url, cache_url: presigned GETs (zip; tar.gz); droplet_put_url, cache_put_url: presigned PUTs.
    package_digest: ``sha256:<hex>``. These are empty for a Docker image, which the specification names.
    buildpacks: names or URLs; empty means detect. installed: in the order of detection, or those that ``buildpacks``
    names; None from a CC that knew only the built-in ones.
    """

    build_guid: str
    app_guid: str
    app_name: str
    instance_guid: str
    stack: str
    limits: Limits
    timeout_s: int
    buildpacks: tuple[str, ...]
    spec_url: str
    package_url: str
    package_digest: str
    droplet_put_url: str
    cache_put_url: str
    cache_url: str | None = None
    log_grant: str = ""
    installed: tuple[InstalledBuildpack, ...] | None = None


@frozen
class BuildpackUsed:
    name: str
    detect_output: str = ""
    version: str | None = None
    buildpack_name: str | None = None


@frozen
class DropletMade:
    """What the DEA uploaded. process_types: name -> start command, ``web`` among them if there is one.

    Of a Docker image nothing is uploaded: digest names its manifest, port is the lowest that it exposes."""

    digest: str
    size_bytes: int
    stack: str
    arch: str
    process_types: dict[str, str]
    buildpacks: tuple[BuildpackUsed, ...] = ()
    port: int | None = None


@frozen
class StagingFinished:
    """``staging.finished``, DEA to CC. Dedupe key: instance_guid.

    Either ``droplet`` or ``error_id`` (NoAppDetectedError, BuildpackCompileFailed, BuildpackReleaseFailed,
    StagingTimeExpired, StagingError, InsufficientResources, Cancelled) with ``error_detail`` in words.
    """

    build_guid: str
    instance_guid: str
    dea: str
    boot: str
    droplet: DropletMade | None = None
    error_id: str | None = None
    error_detail: str = ""
    cache_saved: bool = False
    durations_s: dict[str, float] = field(default_factory=dict)


@frozen
class StagingStop:
    """``staging.stop``, CC to all DEAs: cancel this build if you run it."""

    build_guid: str
