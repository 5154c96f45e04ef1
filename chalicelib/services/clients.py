"""The UAA's clients: programs that ask for tokens, for their users or for themselves."""

from collections.abc import Iterable

from chalicelib.adapters.clock import now
from chalicelib.bootstrap import World
from chalicelib.core.errors import UaaError
from chalicelib.services import listing, passwords
from chalicelib.tables.base import Member
from chalicelib.tables.identity import Client

#: The list of all clients.
LIST = "uaa/clients"

ADD, UPDATE, DELETE = "ADD", "UPDATE", "DELETE"


def bad_credentials() -> UaaError:
    return UaaError(401, "unauthorized", "Bad credentials")


def find(client_id: str) -> Client | None:
    if not listing.is_possible(client_id):
        return None
    try:
        return Client.get(client_id, consistent_read=True)
    except Client.DoesNotExist:
        return None


def get(client_id: str) -> Client:
    """Raises UaaError."""
    client = find(client_id)
    if client is None:
        raise UaaError(404, "not_found", f"No client with requested id: {client_id[:100]}")
    return client


def authenticate(client_id: str, secret: str) -> Client:
    """Raises UaaError. A client without a secret, such as ``cf``, is public: its secret must be empty."""
    client = find(client_id)
    right = has_secret(client, secret) if client is None or client.secret_hash else secret == ""
    if client is None or not right:
        raise bad_credentials()
    return client


def has_secret(client: Client | None, secret: str) -> bool:
    """Whether it is one of the client's; nobody's takes as long."""
    right = passwords.matches(str(client.secret_hash) if client else None, secret)
    if not right and client is not None and client.second_secret_hash:
        right = passwords.matches(str(client.second_secret_hash), secret)
    return right


def page(start: int, count: int) -> tuple[list[Client], int]:
    """So many clients by their ids, the first one is 1; and how many there are."""
    ids = sorted(member.guid for member in Member.query(LIST, consistent_read=True))
    return load(ids[start - 1 : start - 1 + count]), len(ids)


def load(client_ids: Iterable[str]) -> list[Client]:
    wanted = [one for one in client_ids if listing.is_possible(one)]
    found = {str(client.client_id): client for client in Client.batch_get(wanted, consistent_read=True)}
    return [found[one] for one in wanted if one in found]


def create(world: World, client: Client, secret: str) -> Client:
    """``client``: a draft. Raises UaaError when the name is taken."""
    client.secret_hash = passwords.hashed(secret) if secret else ""
    taken = UaaError(409, "invalid_client", f"Client already exists: {client.client_id}")
    put(world, client, taken)
    return client


def put(world: World, client: Client, taken: UaaError | None = None) -> None:
    """Save it, in the list of all. Raises ``taken`` when it is given and there is one of the name."""
    client.modified_at = int(now())
    unit = world.unit()
    unit.put(client, Client.client_id.does_not_exist() if taken else None, taken)
    unit.put(_listed(client))
    unit.commit()


def delete(world: World, client: Client) -> None:
    unit = world.unit()
    unit.delete(client)
    unit.delete(_listed(client))
    unit.commit()


def change_secret(world: World, client: Client, mode: str, secret: str) -> None:
    """ADD a second secret, so that both are good; DELETE the older one; or UPDATE: only the new one is good.

    Raises UaaError.
    """
    if mode == DELETE:
        if not client.second_secret_hash:
            raise UaaError(400, "invalid_client", "client secret is either empty or client has only one secret.")
        client.second_secret_hash = ""
    elif mode == ADD:
        if not client.secret_hash or client.second_secret_hash:
            raise UaaError(400, "invalid_client", "client secret is either empty or client already has two secrets.")
        client.second_secret_hash, client.secret_hash = client.secret_hash, passwords.hashed(secret)
    else:
        client.secret_hash, client.second_secret_hash = passwords.hashed(secret), ""
    put(world, client)


def _listed(client: Client) -> Member:
    return Member(LIST, f"#{client.client_id}", name=str(client.client_id))
