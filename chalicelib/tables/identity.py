"""Who may do what where: organizations, spaces, users, roles, domains; UAA clients and refresh tokens; secrets."""

from typing import ClassVar

from pynamodb.attributes import BinaryAttribute, BooleanAttribute, JSONAttribute, NumberAttribute, UnicodeAttribute

from chalicelib.tables.base import Resource
from chalicelib.tables.connection import Table, table_name


class Organization(Resource):
    class Meta:
        table_name = table_name("organizations")

    LABEL: ClassVar[str] = "Organization"
    KIND: ClassVar[str] = "organizations"
    name = UnicodeAttribute()
    suspended = BooleanAttribute(default=False)


class Space(Resource):
    class Meta:
        table_name = table_name("spaces")

    LABEL: ClassVar[str] = "Space"
    KIND: ClassVar[str] = "spaces"
    name = UnicodeAttribute()
    org_guid = UnicodeAttribute()

    def parents(self) -> list[str]:
        return [f"org/{self.org_guid}"]


class User(Resource):
    """A UAA user and the CC's user in one. in_cc: the CC knows him, so he is a member of list ``users``.

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
    in_cc = BooleanAttribute(default=True)
    failures = NumberAttribute(default=0)
    failed_at = NumberAttribute(default=0)
    password_at = NumberAttribute(default=0)
    locked_until = NumberAttribute(default=0)

    @property
    def list_name(self) -> str:
        return str(self.username)


class Role(Resource):
    """type: organization_{user,auditor,manager,billing_manager} or space_{auditor,developer,manager,supporter}."""

    class Meta:
        table_name = table_name("roles")

    LABEL: ClassVar[str] = "Role"
    KIND: ClassVar[str] = "roles"
    type = UnicodeAttribute()
    user_guid = UnicodeAttribute()
    org_guid = UnicodeAttribute(null=True)
    space_guid = UnicodeAttribute(null=True)

    @property
    def list_name(self) -> str:
        """``space_developer/<space guid>``: what a user may do is read from his membership items alone."""
        return f"{self.type}/{self.space_guid or self.org_guid}"

    def parents(self) -> list[str]:
        target = f"space/{self.space_guid}" if self.space_guid else f"org/{self.org_guid}"
        return [f"user/{self.user_guid}", target]


class Domain(Resource):
    """org_guid None: shared with everybody."""

    class Meta:
        table_name = table_name("domains")

    LABEL: ClassVar[str] = "Domain"
    KIND: ClassVar[str] = "domains"
    name = UnicodeAttribute()
    internal = BooleanAttribute(default=False)
    org_guid = UnicodeAttribute(null=True)

    def parents(self) -> list[str]:
        return [f"org/{self.org_guid}" if self.org_guid else "shared"]


class Client(Table):
    """A UAA client. secret_hash: argon2id, or empty for the public ``cf`` client."""

    class Meta:
        table_name = table_name("clients")

    client_id = UnicodeAttribute(hash_key=True)
    secret_hash = UnicodeAttribute(default="")
    scopes = JSONAttribute(default=list)
    grants = JSONAttribute(default=list)
    access_validity_s = NumberAttribute(default=600)


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


class Secret(Table):
    """An app's environment variables and the like, sealed (services.secrets). HM's role cannot read the table."""

    class Meta:
        table_name = table_name("secrets")

    guid = UnicodeAttribute(hash_key=True)
    sealed = BinaryAttribute(legacy_encoding=False)
