"""Environment variable groups: what all apps, or all stagings, find in their environment beneath their own.

They are sealed like an app's own variables: operators put proxies with passwords there.
"""

from collections.abc import Mapping

from chalicelib.adapters.clock import stamp
from chalicelib.bootstrap import World
from chalicelib.core import variables
from chalicelib.core.errors import NotFound, Unprocessable
from chalicelib.services import secrets, settings
from chalicelib.tables.settings import Setting

RUNNING, STAGING = "running", "staging"


def running(world: World) -> dict[str, str]:
    """What instances and tasks find, from their next start on."""
    return dict(secrets.read(world, _row_name(RUNNING)))


def staging(world: World) -> dict[str, str]:
    """What buildpacks find."""
    return dict(secrets.read(world, _row_name(STAGING)))


def _row_name(group: str) -> str:
    return f"environment_variable_groups/{group}"


def find(world: World, group: str) -> tuple[Setting, dict[str, str]]:
    """Its row, which tells when it was changed, and its variables. Raises NotFound."""
    if group not in (RUNNING, STAGING):
        raise NotFound("Environment variable group")
    return settings.find(_row_name(group)), dict(secrets.read(world, _row_name(group)))


def update(
    world: World, group: str, changes: Mapping[str, str | None], trace: str = ""
) -> tuple[Setting, dict[str, str]]:
    """Merge changes; None removes. Raises NotFound, Unprocessable (which names no value)."""
    row, present = find(world, group)
    result = {key: value for key, value in {**present, **changes}.items() if value is not None}
    if wrong := variables.problems(changes) or variables.problems(result):
        raise Unprocessable(*wrong)
    row.updated_at = stamp()
    unit = world.unit(trace)
    unit.put(row)
    secrets.write(world, unit, str(row.name), result)
    unit.commit()
    return row, result
