"""Who may do what where: organizations, spaces, users, roles, domains; UAA clients and refresh tokens; secrets."""

from typing import ClassVar

from pynamodb.attributes import BinaryAttribute, BooleanAttribute, JSONAttribute, NumberAttribute, UnicodeAttribute

from chalicelib.tables.base import Resource
from chalicelib.tables.connection import Table, table_name

#: The guid of quota ``default``, which every new organization has. It may be renamed, but never deleted.
DEFAULT_QUOTA = "8b2c4ac2-0f0b-4a5c-9d0e-5a1f7c0de000"


#: What every user's tokens may say, as in Cloud Foundry's UAA: the groups that everybody is in.
EVERYBODYS_SCOPES = (
    "cloud_controller.read",
    "cloud_controller.write",
    "cloud_controller_service_permissions.read",
    "openid",
    "password.write",
    "uaa.user",
)


class Organization(Resource):
    """suspended: only administrators may change anything in it. isolation_segment_guid: its spaces' default.

    quota_guid: of its quota; there is always one.
    """

    class Meta:
        table_name = table_name("organizations")

    LABEL: ClassVar[str] = "Organization"
    KIND: ClassVar[str] = "organizations"
    name = UnicodeAttribute()
    suspended = BooleanAttribute(default=False)
    quota_guid = UnicodeAttribute(default=DEFAULT_QUOTA)
    isolation_segment_guid = UnicodeAttribute(null=True)

    def parents(self) -> list[str]:
        return [f"quota/{self.quota_guid}"]


class Space(Resource):
    """quota_guid: of its space quota, if it has one."""

    class Meta:
        table_name = table_name("spaces")

    LABEL: ClassVar[str] = "Space"
    KIND: ClassVar[str] = "spaces"
    name = UnicodeAttribute()
    org_guid = UnicodeAttribute()
    quota_guid = UnicodeAttribute(null=True)
    isolation_segment_guid = UnicodeAttribute(null=True)
    allows_ssh = BooleanAttribute(default=True)

    def parents(self) -> list[str]:
        quota = [f"quota/{self.quota_guid}"] if self.quota_guid else []
        return [f"org/{self.org_guid}", *quota]


class IsolationSegment(Resource):
    """Hosts set apart. The organizations entitled to it are in list ``isolation_segment/<guid>/organizations``, it
    is in theirs, ``org/<guid>/isolation_segments``; the spaces assigned to it in ``isolation_segment/<guid>/spaces``.
    """

    class Meta:
        table_name = table_name("isolation-segments")

    LABEL: ClassVar[str] = "Isolation segment"
    KIND: ClassVar[str] = "isolation_segments"
    name = UnicodeAttribute()


class User(Resource):
    """A UAA user and the CC's user in one. in_cc: the CC knows him, so he is a member of list ``users``.

    username: empty for somebody of whom the CC knows a guid and the UAA nothing. active: may log in.
    profile: what SCIM keeps of him: given_name, family_name, email. scopes: the UAA's groups that he is in.
    password_hash: argon2id; None for who cannot log in by password. failed_at, locked_until: epoch s.
    password_at: when the password was set; refresh tokens from before are void.
    """

    class Meta:
        table_name = table_name("users")

    LABEL: ClassVar[str] = "User"
    KIND: ClassVar[str] = "users"
    username = UnicodeAttribute()
    origin = UnicodeAttribute(default="uaa")
    password_hash = UnicodeAttribute(null=True)
    scopes = JSONAttribute(default=list)
    active = BooleanAttribute(default=True)
    profile = JSONAttribute(default=dict)
    in_cc = BooleanAttribute(default=True)
    failures = NumberAttribute(default=0)
    failed_at = NumberAttribute(default=0)
    password_at = NumberAttribute(default=0)
    locked_until = NumberAttribute(default=0)

    @property
    def list_name(self) -> str:
        return str(self.username)

    def parents(self) -> list[str]:
        """Whom the UAA knows is in its list ``uaa/users``, and so in those of the groups that not everybody is in."""
        groups = [f"group/{scope}" for scope in self.scopes if scope not in EVERYBODYS_SCOPES]
        return ["uaa", *groups] if self.username else []


class Role(Resource):
    """type: organization_{user,auditor,manager,billing_manager} or space_{auditor,developer,manager,supporter}.

    space_org_guid: of a role in a space, the space's organization.
    """

    class Meta:
        table_name = table_name("roles")

    LABEL: ClassVar[str] = "Role"
    KIND: ClassVar[str] = "roles"
    type = UnicodeAttribute()
    user_guid = UnicodeAttribute()
    org_guid = UnicodeAttribute(null=True)
    space_guid = UnicodeAttribute(null=True)
    space_org_guid = UnicodeAttribute(null=True)

    @property
    def list_name(self) -> str:
        """``space_developer/<space guid>``: what a user may do is read from his membership items alone."""
        return f"{self.type}/{self.space_guid or self.org_guid}"

    def parents(self) -> list[str]:
        target = f"space/{self.space_guid}" if self.space_guid else f"org/{self.org_guid}"
        return [f"user/{self.user_guid}", target]


class Domain(Resource):
    """org_guid None: shared with everybody. shared_org_guids: organizations besides its own that may use it; it is
    in their lists ``shared-with/<guid>``."""

    class Meta:
        table_name = table_name("domains")

    LABEL: ClassVar[str] = "Domain"
    KIND: ClassVar[str] = "domains"
    name = UnicodeAttribute()
    internal = BooleanAttribute(default=False)
    org_guid = UnicodeAttribute(null=True)
    shared_org_guids = JSONAttribute(default=list)

    def parents(self) -> list[str]:
        return [f"org/{self.org_guid}" if self.org_guid else "shared"]


class Client(Table):
    """A UAA client. scopes: the most that a user's token may say through it; authorities: what its own tokens say.

    secret_hash: argon2id, or empty for the public ``cf`` client. second_secret_hash: of a secret that is on its way
    in, or out. Validities in seconds.
    """

    class Meta:
        table_name = table_name("clients")

    client_id = UnicodeAttribute(hash_key=True)
    secret_hash = UnicodeAttribute(default="")
    second_secret_hash = UnicodeAttribute(default="")
    name = UnicodeAttribute(default="")
    scopes = JSONAttribute(default=list)
    authorities = JSONAttribute(default=list)
    grants = JSONAttribute(default=list)
    access_validity_s = NumberAttribute(default=600)
    refresh_validity_s = NumberAttribute(default=30 * 24 * 3600)
    modified_at = NumberAttribute(default=0)


class RefreshToken(Table):
    """key: sha256 of the token, hex. expires_at is checked on use: DynamoDB's TTL deletes late."""

    class Meta:
        table_name = table_name("refresh-tokens")

    key = UnicodeAttribute(hash_key=True)
    user_guid = UnicodeAttribute()
    client_id = UnicodeAttribute()
    scopes = JSONAttribute(default=list)
    issued_at = NumberAttribute()
    expires_at = NumberAttribute()


class Revoked(Table):
    """Access tokens that are void before their time. key: ``jti/<id>``, or ``user/<guid>`` for his from before ``at``.

    Asked for only by tokens that say ``revocable``. expires_at: TTL, when no such token can be valid any more.
    """

    class Meta:
        table_name = table_name("revoked-tokens")

    key = UnicodeAttribute(hash_key=True)
    at = NumberAttribute()
    expires_at = NumberAttribute()


class Attempts(Table):
    """Logins that failed from one address within one window. key: ``<address>#<number of the window>``."""

    class Meta:
        table_name = table_name("login-attempts")

    key = UnicodeAttribute(hash_key=True)
    failed = NumberAttribute(default=0)
    expires_at = NumberAttribute()


class Secret(Table):
    """An app's environment variables and the like, sealed (services.secrets). HM's role cannot read the table."""

    class Meta:
        table_name = table_name("secrets")

    guid = UnicodeAttribute(hash_key=True)
    sealed = BinaryAttribute(legacy_encoding=False)
