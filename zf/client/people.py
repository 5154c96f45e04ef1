"""Users of the UAA, and their roles in orgs and spaces."""

from dataclasses import dataclass
from typing import Any

from zf.client.config import Named
from zf.client.errors import ApiError, NotFoundError, ZfError
from zf.client.http import Http, Json, raise_for
from zf.client.models import related
from zf.client.pages import names, pages
from zf.client.part import Part, to

HAS_ALREADY = "already has"
EXISTS_ALREADY = "already exists"
#: Whoever has a role in a space must have this one in its org.
ORG_USER = "organization_user"


@dataclass(frozen=True, slots=True)
class Role:
    guid: str
    type: str
    user_guid: str

    @classmethod
    def of(cls, raw: Json) -> "Role":
        return cls(raw["guid"], raw["type"], related(raw, "user"))


class People(Part):
    """uaa: base URL of where users log in."""

    def __init__(self, http: Http, uaa: str) -> None:
        super().__init__(http)
        self._uaa = uaa

    # Logins

    def find(self, username: str) -> str | None:
        """The guid of a user of the UAA itself."""
        quoted = username.replace("\\", "\\\\").replace('"', '\\"')
        params = {"filter": f'userName eq "{quoted}" and origin eq "uaa"', "attributes": "id"}
        found = self.http.json("GET", f"{self._uaa}/Users", params=params).get("resources") or []
        return str(found[0]["id"]) if found else None

    def create_login(self, username: str, password: str) -> str:
        """The guid of a new user who can log in, and nothing more."""
        body = {
            "userName": username,
            "password": password,
            "origin": "uaa",
            "name": {"familyName": username, "givenName": username},
            "emails": [{"value": username, "primary": True}],
        }
        return str(self.http.json("POST", f"{self._uaa}/Users", json=body)["id"])

    def register(self, guid: str) -> None:
        """Let a user have roles; one who may already is fine."""
        try:
            self.http.json("POST", "/v3/users", json={"guid": guid})
        except ApiError as error:
            if error.status != 422 or EXISTS_ALREADY not in error.message:
                raise

    def delete(self, guid: str) -> None:
        """Roles first: a login without roles harms nobody."""
        try:
            self._delete(f"/v3/users/{guid}")
        except NotFoundError:
            pass  # known to the UAA alone
        self.http.json("DELETE", f"{self._uaa}/Users/{guid}", safe=True)

    def set_password(self, guid: str, old: str, new: str) -> None:
        body = {"oldPassword": old, "password": new}
        response = self.http.send("PUT", f"{self._uaa}/Users/{guid}/password", json=body)
        if response.status_code == 401:
            raise ZfError("The old password is wrong", "Try again: zf passwd")
        raise_for(response, self._uaa)

    # Roles

    def roles(self, **where: str) -> list[tuple[str, Role]]:
        """Each role with its user's name. where: organization_guids or space_guids."""
        people: dict[str, str] = {}
        found = []
        for page in pages(self.http, "/v3/roles", include="user", **where):
            for user in (page.get("included") or {}).get("users") or ():
                people[user["guid"]] = user.get("presentation_name") or user["guid"]
            found += [self._read(Role.of, raw) for raw in page["resources"]]
        named = [(people.get(role.user_guid, role.user_guid), role) for role in found]
        return sorted(named, key=lambda pair: (pair[0], pair[1].type))

    def give(self, username: str, type_: str, org: Named, space: Named | None) -> bool:
        """False when the user had the role. A role in a space needs the user to be in its org, which is seen to."""
        if space:
            self._give(username, ORG_USER, "organization", org)
            return self._give(username, type_, "space", space)
        return self._give(username, type_, "organization", org)

    def _give(self, username: str, type_: str, kind: str, place: Named) -> bool:
        user: Json = {"data": {"username": username}}
        body: Json = {"type": type_, "relationships": {"user": user, kind: to(place.guid)}}
        try:
            self.http.json("POST", "/v3/roles", json=body)
        except ApiError as error:
            if error.status == 422 and HAS_ALREADY in error.message:
                return False
            raise
        return True

    def take(self, username: str, type_: str, **where: Any) -> bool:
        """False when the user did not have the role. where: organization_guids or space_guids."""
        users = self.http.json("GET", "/v3/users", params={"usernames": names(username)}).get("resources") or []
        if not users:
            raise NotFoundError(f"User '{username}' does not exist", "See who has roles: zf org-users ORG")
        guids = ",".join(user["guid"] for user in users)
        found = self._list(Role.of, "/v3/roles", user_guids=guids, types=type_, **where)
        for role in found:
            self._delete(f"/v3/roles/{role.guid}")
        return bool(found)
