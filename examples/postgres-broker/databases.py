"""Databases and logins in one PostgreSQL server: a database for every instance, a login for every binding.

All state is in PostgreSQL itself: whatever is done is done again without harm, and passwords are derived from the
broker's own secret, so that a login asked for twice is the same login.
"""

import hashlib
import hmac
import re
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import quote, unquote, urlsplit

import pg8000.dbapi
from pg8000.exceptions import DatabaseError

GUID = re.compile(r"[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}\Z")

#: SQLSTATEs: a database, a role that is there already.
DUPLICATE = {"42P04", "42710"}


class UnknownGuid(ValueError):
    """Not a guid as platforms make them; it would become part of a name in SQL."""


def _name(prefix: str, guid: str) -> str:
    if not GUID.match(guid):
        raise UnknownGuid(guid)
    return f"{prefix}_{guid.replace('-', '')}"


class Databases:
    """``url``: ``postgresql://user:password@host:port/postgres`` of a role that may create databases and roles."""

    def __init__(self, url: str, secret: str) -> None:
        parts = urlsplit(url)
        self.host, self.port = parts.hostname or "127.0.0.1", parts.port or 5432
        self._user, self._password = unquote(parts.username or "postgres"), unquote(parts.password or "")
        self._database = parts.path.lstrip("/") or "postgres"
        self._secret = secret.encode()
        with self._session() as run:
            run("CREATE TABLE IF NOT EXISTS broker_instances (guid text PRIMARY KEY, plan text, state text)")

    @contextmanager
    def _session(self, database: str | None = None) -> Iterator[Any]:
        connection = pg8000.dbapi.connect(
            self._user,
            host=self.host,
            port=self.port,
            database=database or self._database,
            password=self._password,
            timeout=20,
        )
        connection.autocommit = True
        try:
            cursor = connection.cursor()

            def run(statement: str, *values: Any) -> Any:
                cursor.execute(statement, values)
                return cursor.fetchall() if cursor.description else []

            yield run
        finally:
            connection.close()

    # -- instances -------------------------------------------------------------------------------------------

    def note(self, guid: str, plan: str) -> tuple[str, str]:
        """Remember that the instance is wanted; returns its plan and its state (creating, ready, deleting)."""
        _name("i", guid)
        with self._session() as run:
            run("INSERT INTO broker_instances VALUES (%s, %s, 'creating') ON CONFLICT DO NOTHING", guid, plan)
            row = run("SELECT plan, state FROM broker_instances WHERE guid = %s", guid)[0]
            return str(row[0]), str(row[1])

    def state(self, guid: str) -> str | None:
        with self._session() as run:
            rows = run("SELECT state FROM broker_instances WHERE guid = %s", guid)
            return str(rows[0][0]) if rows else None

    def mark(self, guid: str, state: str) -> None:
        with self._session() as run:
            run("UPDATE broker_instances SET state = %s WHERE guid = %s", state, guid)

    def set_plan(self, guid: str, plan: str) -> None:
        with self._session() as run:
            run("UPDATE broker_instances SET plan = %s WHERE guid = %s", plan, guid)

    def create(self, guid: str) -> None:
        """The database, and the role that owns it and all that is made in it."""
        database, owner = _name("i", guid), _name("o", guid)
        with self._session() as run:
            _unless_there(run, f"CREATE ROLE {owner} NOLOGIN")
            run(f"GRANT {owner} TO CURRENT_USER")
            _unless_there(run, f"CREATE DATABASE {database} OWNER {owner}")
            run(f"REVOKE ALL ON DATABASE {database} FROM PUBLIC")
        self.mark(guid, "ready")

    def drop(self, guid: str) -> None:
        """With its logins and whoever is connected."""
        database, owner = _name("i", guid), _name("o", guid)
        with self._session() as run:
            run(f"DROP DATABASE IF EXISTS {database} WITH (FORCE)")
            logins = run(
                "SELECT member.rolname FROM pg_auth_members JOIN pg_roles member ON member.oid = member "
                "JOIN pg_roles owner ON owner.oid = roleid WHERE owner.rolname = %s AND member.rolname LIKE 'b\\_%%'",
                owner,
            )
            for (login,) in logins:
                run(f"DROP ROLE IF EXISTS {login}")
            run(f"DROP ROLE IF EXISTS {owner}")
            run("DELETE FROM broker_instances WHERE guid = %s", guid)

    # -- bindings --------------------------------------------------------------------------------------------

    def bind(self, instance: str, guid: str) -> tuple[dict[str, Any], bool]:
        """Credentials of a login of its own, and whether it is new."""
        database, owner, login = _name("i", instance), _name("o", instance), _name("b", guid)
        with self._session() as run:
            is_new = _unless_there(run, f"CREATE ROLE {login} LOGIN PASSWORD '{self._password_of(guid)}'")
            run(f"GRANT {owner} TO {login}")
            run(f"GRANT CONNECT ON DATABASE {database} TO {owner}")
            # Tables belong to the owner, whichever login made them.
            run(f"ALTER ROLE {login} IN DATABASE {database} SET ROLE {owner}")
        return self.credentials(instance, guid), is_new

    def has_login(self, guid: str) -> bool:
        with self._session() as run:
            return bool(run("SELECT 1 FROM pg_roles WHERE rolname = %s", _name("b", guid)))

    def credentials(self, instance: str, guid: str) -> dict[str, Any]:
        """What the login of a binding is, whether or not it is there."""
        database, login, password = _name("i", instance), _name("b", guid), self._password_of(guid)
        return {
            "uri": f"postgresql://{login}:{quote(password)}@{self.host}:{self.port}/{database}",
            "hostname": self.host,
            "port": self.port,
            "name": database,
            "username": login,
            "password": password,
        }

    def _password_of(self, guid: str) -> str:
        return hmac.new(self._secret, guid.encode(), hashlib.sha256).hexdigest()

    def unbind(self, instance: str, guid: str) -> bool:
        """Whether there was such a login. It ends at once, connected or not."""
        database, owner, login = _name("i", instance), _name("o", instance), _name("b", guid)
        with self._session() as run:
            if not run("SELECT 1 FROM pg_roles WHERE rolname = %s", login):
                return False
            run(f"ALTER ROLE {login} NOLOGIN")
            run("SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = %s", login)
            has_database = run("SELECT 1 FROM pg_database WHERE datname = %s", database)
        if has_database:
            with self._session(database) as run:
                run(f"GRANT {login} TO CURRENT_USER")
                run(f"REASSIGN OWNED BY {login} TO {owner}")
                run(f"DROP OWNED BY {login}")
        with self._session() as run:
            run(f"DROP ROLE IF EXISTS {login}")
        return True


def _unless_there(run: Any, statement: str) -> bool:
    """Whether it made something."""
    try:
        run(statement)
    except DatabaseError as error:
        if error.args and isinstance(error.args[0], dict) and error.args[0].get("C") in DUPLICATE:
            return False
        raise
    return True
