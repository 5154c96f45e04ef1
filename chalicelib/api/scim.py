"""/Users: who can log in, in SCIM's words and with the UAA's errors. (Who can have roles: api.users.)"""

from typing import Any

from chalicelib.api.base import Answer, Endpoints, Request
from chalicelib.api.render import when
from chalicelib.api.uaa import body_of, in_uaa_words, page_of, require_scope, scim_list
from chalicelib.api.users import ORIGIN, USERNAME
from chalicelib.core import scim
from chalicelib.core.errors import UaaError
from chalicelib.services import listing, passwords, users
from chalicelib.tables.identity import User

endpoints = Endpoints(__name__)

#: What a filter may ask for.
ATTRIBUTES = frozenset(
    {"id", "username", "origin", "active", "email", "emails", "emails.value", "givenname", "familyname"}
    | {"name.givenname", "name.familyname"}
)
#: Of a name and an address, characters.
MAX_TEXT = 255


def render(user: User) -> dict[str, Any]:
    profile: dict[str, str] = user.profile
    return {
        "id": user.guid,
        "externalId": "",
        "userName": user.username,
        "origin": user.origin,
        "active": bool(user.active),
        "verified": True,
        "name": {"givenName": profile.get("given_name", ""), "familyName": profile.get("family_name", "")},
        "emails": [{"value": profile.get("email", str(user.username)), "primary": True}],
        "groups": [{"value": scope, "display": scope, "type": "DIRECT"} for scope in user.scopes],
        "zoneId": "uaa",
        "meta": {
            "created": when(user.created_at),
            "lastModified": when(user.updated_at),
            "version": int(user.rev or 0),
        },
        "schemas": ["urn:scim:schemas:core:1.0"],
    }


def _document(user: User) -> dict[str, str | bool]:
    """What filters look at."""
    profile: dict[str, str] = user.profile
    email = profile.get("email", str(user.username)).lower()
    given, family = (profile.get(key, "").lower() for key in ("given_name", "family_name"))
    return {
        "givenname": given,
        "name.givenname": given,
        "familyname": family,
        "name.familyname": family,
        "id": str(user.guid).lower(),
        "username": str(user.username).lower(),
        "origin": str(user.origin).lower(),
        "active": bool(user.active),
        "email": email,
        "emails": email,
        "emails.value": email,
    }


@endpoints("GET", "/Users")
@in_uaa_words
def find_users(request: Request) -> Answer:
    """A filter that names users costs a few reads; any other, or none, reads the list of all."""
    require_scope(request, "scim.read")
    start, count = page_of(request)
    text = request.query.get("filter")
    if not text:
        guids = [member.guid for member in listing.members(["uaa/users"])]
        page = listing.load(User, guids[start - 1 : start - 1 + count])
        return scim_list([render(user) for user in page], start, len(guids))
    try:
        wanted = scim.parse(text, ATTRIBUTES)
    except scim.FilterError as error:
        raise UaaError(400, "scim", str(error)) from None
    found = [user for user in _candidates(wanted) if user.username and wanted.passes(_document(user))]
    return scim_list([render(user) for user in found[start - 1 : start - 1 + count]], start, len(found))


def _candidates(wanted: scim.Filter) -> list[User]:
    """Everybody who might pass."""
    guids, names = wanted.pinned("id"), wanted.pinned("username")
    if guids is not None:
        return listing.load(User, sorted(guids))
    if names is not None:
        return users.named(name for name in names if name)
    return listing.all_of(User, "uaa/users")


@endpoints("POST", "/Users")
@in_uaa_words
def create_user(request: Request) -> Answer:
    require_scope(request, "scim.write")
    body = body_of(request)
    username = _username(body)
    origin = body.get("origin") or users.ORIGIN
    if not isinstance(origin, str) or not ORIGIN.match(origin):
        raise UaaError(400, "invalid_scim_resource", "An origin must be letters, digits, dots, dashes and underscores.")
    draft = User(username=username)
    _apply(draft, body)
    # Who logs in elsewhere has no password here, whatever the client sends.
    password = _password(body.get("password")) if origin == users.ORIGIN else None
    taken = UaaError(409, "scim_resource_already_exists", f"Username already in use: {username}")
    more = {"origin": origin, "active": draft.active, "profile": draft.profile}
    user = users.create_user(request.world, username, password, in_cc=False, taken=taken, trace=request.trace, **more)
    return Answer(render(user), 201)


@endpoints("GET", "/Users/{guid}")
@in_uaa_words
def show_user(request: Request, guid: str) -> Answer:
    if guid != request.actor.guid:
        require_scope(request, "scim.read")
    return Answer(render(_user(guid)))


@endpoints("PUT", "/Users/{guid}")
@in_uaa_words
def replace_user(request: Request, guid: str) -> Answer:
    """What the body does not say is as in a new user; password and groups stay."""
    require_scope(request, "scim.write")
    user, body = _user(guid), body_of(request)
    _username(body)
    user.profile, user.active = {}, True
    return _saved(request, user, body)


@endpoints("PATCH", "/Users/{guid}")
@in_uaa_words
def update_user(request: Request, guid: str) -> Answer:
    """Only what the body says."""
    require_scope(request, "scim.write")
    return _saved(request, _user(guid), body_of(request))


def _saved(request: Request, user: User, body: dict[str, Any]) -> Answer:
    if body.get("origin", user.origin) != user.origin:
        raise UaaError(400, "invalid_scim_resource", "The origin of a user cannot be changed.")
    old = str(user.username)
    if "userName" in body:
        user.username = _username(body)
    _apply(user, body)
    if user.guid == request.actor.guid and not user.active:
        raise UaaError(400, "invalid_scim_resource", "You cannot deactivate yourself.")
    taken = UaaError(409, "scim_resource_already_exists", f"Username already in use: {user.username}")
    renamed = old if user.username != old else None
    return Answer(render(users.update(request.world, user, renamed, taken)))


@endpoints("DELETE", "/Users/{guid}")
@in_uaa_words
def delete_user(request: Request, guid: str) -> Answer:
    require_scope(request, "scim.write")
    user = _user(guid)
    if guid == request.actor.guid:
        raise UaaError(400, "invalid_scim_resource", "You cannot delete yourself.")
    users.delete_login(request.world, user)
    return Answer(render(user))


@endpoints("PUT", "/Users/{guid}/password")
@in_uaa_words
def change_password(request: Request, guid: str) -> Answer:
    """One's own with the old one, another's with the right to it."""
    actor, user, body = request.actor, _user(guid), body_of(request)
    new, old = _password(body.get("password")), body.get("oldPassword")
    if guid == actor.guid:
        if passwords.is_locked(user) or not isinstance(old, str) or not passwords.matches(user.password_hash, old):
            passwords.count_failure(user)
            raise UaaError(401, "unauthorized", "Old password is incorrect")
        if old == new:
            raise UaaError(422, "invalid_password", "Your new password cannot be the same as the old password.")
    else:
        require_scope(request, "scim.write")
    if user.origin != users.ORIGIN:
        raise UaaError(400, "invalid_scim_resource", "This user logs in elsewhere and has no password here.")
    users.set_password(request.world, user, new)
    return Answer({"status": "ok", "message": "password updated"})


def _user(guid: str) -> User:
    user = users.with_login(guid)
    if user is None:
        raise UaaError(404, "scim_resource_not_found", f"User {guid[:100]} does not exist")
    return user


def _username(body: dict[str, Any]) -> str:
    username = body.get("userName")
    if not isinstance(username, str) or not USERNAME.match(username):
        raise UaaError(400, "invalid_scim_resource", "A username must be provided.")
    return username


def _apply(user: User, body: dict[str, Any]) -> None:
    """Names, address and whether he is active, as far as the body says. Raises UaaError."""
    profile = dict(user.profile or {})
    name, emails = body.get("name"), body.get("emails")
    for part, key in (("givenName", "given_name"), ("familyName", "family_name")):
        value = name.get(part) if isinstance(name, dict) else None
        if value is not None:
            profile[key] = _text(part, value)
    if isinstance(emails, list) and emails:
        address = emails[0].get("value") if isinstance(emails[0], dict) else None
        profile["email"] = _text("An email's value", address)
    active = body.get("active", user.active)
    if not isinstance(active, bool):
        raise UaaError(400, "invalid_scim_resource", "active must be true or false")
    user.profile, user.active = profile, active


def _text(what: str, value: Any) -> str:
    if not isinstance(value, str) or len(value) > MAX_TEXT or not value.isprintable():
        raise UaaError(400, "invalid_scim_resource", f"{what} must be text of at most {MAX_TEXT} characters")
    return value


def _password(value: Any) -> str:
    if not isinstance(value, str) or not 1 <= len(value) <= passwords.MAX_PASSWORD:
        raise UaaError(422, "invalid_password", f"Password must have 1 to {passwords.MAX_PASSWORD} characters.")
    return value
