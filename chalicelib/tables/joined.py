"""Hosts that AWS does not run, and whom the operator has let in."""

from pynamodb.attributes import NumberAttribute, UnicodeAttribute

from chalicelib.tables.connection import Table, table_name


class JoinedHost(Table):
    """One row per name, from its invitation on, all with the one hash key ``all``: there are tens of them.

    state: INVITED, JOINED or REVOKED (core.joining). token_hash, secret_hash, next_hash: sha256, hex: of the
    invitation, of the secret that the host has, and of the one that it was sent last, which it may not have got.
    Times: epoch s. expires_at: TTL, of what is no member.
    """

    class Meta:
        table_name = table_name("joined-hosts")

    pool = UnicodeAttribute(hash_key=True, default="all")
    id = UnicodeAttribute(range_key=True)
    state = UnicodeAttribute()
    token_hash = UnicodeAttribute(default="")
    secret_hash = UnicodeAttribute(default="")
    next_hash = UnicodeAttribute(default="")
    invited_by = UnicodeAttribute(default="")
    invited_until = NumberAttribute(default=0)
    joined_at = NumberAttribute(default=0)
    renewed_at = NumberAttribute(default=0)
    revoked_at = NumberAttribute(default=0)
    expires_at = NumberAttribute(null=True)
