"""Apps and what becomes of their code: packages, builds, droplets."""

from typing import ClassVar

from pynamodb.attributes import BooleanAttribute, JSONAttribute, NumberAttribute, UnicodeAttribute

from chalicelib.tables.base import Resource
from chalicelib.tables.connection import Table, table_name


class App(Resource):
    """desired_state: STARTED or STOPPED. droplet_guid: the current droplet. buildpacks: as the user named them.

    features: name -> bool, of those that somebody has set (services.features). deployment_guid: the active one.
    """

    class Meta:
        table_name = table_name("apps")

    LABEL: ClassVar[str] = "App"
    KIND: ClassVar[str] = "apps"
    name = UnicodeAttribute()
    space_guid = UnicodeAttribute()
    desired_state = UnicodeAttribute(default="STOPPED")
    lifecycle_type = UnicodeAttribute(default="buildpack")
    buildpacks = JSONAttribute(default=list)
    stack = UnicodeAttribute(default="cflinuxfs4")
    droplet_guid = UnicodeAttribute(null=True)
    features = JSONAttribute(default=dict)
    deployment_guid = UnicodeAttribute(null=True)

    @property
    def state(self) -> str:
        """What the API calls it, in documents and in ``order_by``."""
        return str(self.desired_state)

    def parents(self) -> list[str]:
        return [f"space/{self.space_guid}"]


class AppPart(Resource):
    """Something that belongs to one app. deadline (epoch s): past it the sweep ends it with a reason."""

    app_guid = UnicodeAttribute()
    space_guid = UnicodeAttribute()
    state = UnicodeAttribute()
    error = UnicodeAttribute(null=True)
    deadline = NumberAttribute(null=True)

    def parents(self) -> list[str]:
        return [f"app/{self.app_guid}", f"space/{self.space_guid}"]


class Package(AppPart):
    """state: AWAITING_UPLOAD, PROCESSING_UPLOAD, COPYING, READY, FAILED, EXPIRED. checksum: sha256 hex of the zip.

    upload: key of the upload that gave it its bits, whose end may be told twice. image, username: of a docker
    package, whose password is its Secret.
    """

    class Meta:
        table_name = table_name("packages")

    LABEL: ClassVar[str] = "Package"
    KIND: ClassVar[str] = "packages"
    type = UnicodeAttribute(default="bits")
    upload = UnicodeAttribute(null=True)
    checksum = UnicodeAttribute(null=True)
    size_bytes = NumberAttribute(null=True)
    image = UnicodeAttribute(null=True)
    username = UnicodeAttribute(null=True)


class Build(AppPart):
    """state: STAGING, STAGED, FAILED. error_id: NoAppDetectedError and the like; error: in words.

    instance_guid: of the staging attempt under way. dea, boot: who stages it. isolation_segment: name of the hosts that
    may.
    """

    class Meta:
        table_name = table_name("builds")

    LABEL: ClassVar[str] = "Build"
    KIND: ClassVar[str] = "builds"
    package_guid = UnicodeAttribute()
    droplet_guid = UnicodeAttribute(null=True)
    error_id = UnicodeAttribute(null=True)
    buildpacks = JSONAttribute(default=list)
    stack = UnicodeAttribute(default="cflinuxfs4")
    memory_mb = NumberAttribute(default=1024)
    disk_mb = NumberAttribute(default=4096)
    log_rate_bytes = NumberAttribute(default=-1)
    lifecycle_type = UnicodeAttribute(default="buildpack")
    created_by = JSONAttribute(default=dict)
    instance_guid = UnicodeAttribute(null=True)
    dea = UnicodeAttribute(null=True)
    boot = UnicodeAttribute(null=True)
    isolation_segment = UnicodeAttribute(null=True)


class Droplet(AppPart):
    """state: AWAITING_UPLOAD, PROCESSING_UPLOAD, COPYING, STAGED, FAILED, EXPIRED.

    The guid of one that was staged is that of the attempt that made it, which alone may write its blob. digest:
    ``sha256:<hex>`` of its bits or, of a docker droplet, of its image, which was named ``image`` when it was staged and
    listens on ``port``. process_types: name -> command. buildpacks: of each what contracts.staging tells. upload,
    job_guid: of one that was uploaded, whose end may be told twice.
    """

    class Meta:
        table_name = table_name("droplets")

    LABEL: ClassVar[str] = "Droplet"
    KIND: ClassVar[str] = "droplets"
    package_guid = UnicodeAttribute(null=True)
    build_guid = UnicodeAttribute(null=True)
    digest = UnicodeAttribute(null=True)
    size_bytes = NumberAttribute(null=True)
    stack = UnicodeAttribute(default="cflinuxfs4")
    arch = UnicodeAttribute(default="x86_64")
    process_types = JSONAttribute(default=dict)
    buildpacks = JSONAttribute(default=list)
    lifecycle_type = UnicodeAttribute(default="buildpack")
    image = UnicodeAttribute(null=True)
    port = NumberAttribute(null=True)
    upload = UnicodeAttribute(null=True)
    job_guid = UnicodeAttribute(null=True)


class Buildpack(Resource):
    """An installed buildpack. state: AWAITING_UPLOAD, READY. place: its position, from 1, without gaps.

    builtin: which of the DEAs' own it is, until bits are uploaded for it. digest: ``sha256:<hex>`` of its zip.
    stack: None until the bits tell it. upload, job_guid: of the last upload, whose end may be told twice.
    """

    class Meta:
        table_name = table_name("buildpacks")

    LABEL: ClassVar[str] = "Buildpack"
    KIND: ClassVar[str] = "buildpacks"
    name = UnicodeAttribute()
    stack = UnicodeAttribute(null=True)
    state = UnicodeAttribute(default="AWAITING_UPLOAD")
    place = NumberAttribute(default=1)
    enabled = BooleanAttribute(default=True)
    locked = BooleanAttribute(default=False)
    builtin = UnicodeAttribute(null=True)
    filename = UnicodeAttribute(null=True)
    digest = UnicodeAttribute(null=True)
    upload = UnicodeAttribute(null=True)
    job_guid = UnicodeAttribute(null=True)

    @property
    def position(self) -> int:
        """What the API calls it, in documents and in ``order_by``."""
        return int(self.place)


class Pooled(Table):
    """A file in the resource pool, so that asking for it needs no S3. fingerprint: ``<sha1>-<size>``."""

    class Meta:
        table_name = table_name("pool")

    fingerprint = UnicodeAttribute(hash_key=True)
