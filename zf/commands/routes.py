"""Routes. A route is written as people see it: HOST.DOMAIN/PATH."""

import click

from zf.client.errors import ZfError, missing
from zf.client.models import Domain, Route
from zf.command import Invocation, command
from zf.commands.common import delete, force


@command("routes", "zf routes")
def routes(it: Invocation) -> None:
    """List the routes of the space and the apps they lead to."""
    from zf.push.pipeline import urls_of

    names = {app.guid: app.name for app in it.api.apps(it.space)}
    answer, rows = [], []
    for route in it.api.routes(it.space):
        apps = sorted({names.get(to.app_guid, to.app_guid) for to in route.destinations})
        (url,) = urls_of(it.api, [route])
        answer.append({"guid": route.guid, "url": url, "apps": apps})
        rows.append([url, " ".join(apps)])
    it.console.result(answer)
    if rows:
        it.console.table(["url", "apps"], sorted(rows))
    else:
        it.console.say("There are no routes. Give an app one: zf map-route APP HOST.DOMAIN")


@command(
    "map-route",
    "zf map-route hello www.localhost",
    "zf map-route hello localhost --hostname www --path /shop",
    "zf map-route hello www.localhost/shop",
)
@click.argument("name", metavar="APP")
@click.argument("route", metavar="ROUTE")
@click.option("-n", "--hostname", default="", help="Host before ROUTE, if that is only a domain.")
@click.option("--path", "path", default="", help="Path, if ROUTE has none.")
def map_route(it: Invocation, name: str, route: str, hostname: str, path: str) -> None:
    """Send the requests of a route to an app; the route is created if need be."""
    app = it.api.app(it.space, name)
    domain, host, path = _split(it, route, hostname, path)
    found = it.api.find_route(domain, host, path) or it.api.create_route(it.space, domain, host, path)
    it.api.map_route(found, app)
    _tell(it, found, f"leads to {name} now.", {"app": app.name, "mapped": True})


@command("create-route", "zf create-route www.localhost", "zf create-route localhost -n www --path /shop")
@click.argument("route", metavar="ROUTE")
@click.option("-n", "--hostname", default="", help="Host before ROUTE, if that is only a domain.")
@click.option("--path", "path", default="", help="Path, if ROUTE has none.")
def create_route(it: Invocation, route: str, hostname: str, path: str) -> None:
    """Make a route that leads nowhere yet, so that nobody else takes it; one of the space's own is fine."""
    domain, host, path = _split(it, route, hostname, path)
    there = it.api.find_route(domain, host, path)
    found = there or it.api.create_route(it.space, domain, host, path)
    _tell(it, found, f"{'is there already' if there else 'is created'}. Use it: zf map-route APP {found.url}", {})


@command("delete-route", "zf delete-route www.localhost", "zf delete-route localhost -n www -f")
@click.argument("route", metavar="ROUTE")
@click.option("-n", "--hostname", default="", help="Host before ROUTE, if that is only a domain.")
@click.option("--path", "path", default="", help="Path, if ROUTE has none.")
@force
def delete_route(it: Invocation, route: str, hostname: str, path: str, force: bool) -> None:
    """Delete a route, wherever it leads."""
    domain, host, path = _split(it, route, hostname, path)
    url = f"{_dotted(host, domain.name)}{path}"

    def find() -> Route:
        found = it.api.find_route(domain, host, path)
        if found is None:
            raise missing("Route", url, (one.url for one in it.api.routes(it.space)), "zf routes")
        return found

    delete(it, "Route", url, force, find, it.api.delete_route)


@command("unmap-route", "zf unmap-route hello www.localhost", "zf unmap-route hello localhost --hostname www")
@click.argument("name", metavar="APP")
@click.argument("route", metavar="ROUTE")
@click.option("-n", "--hostname", default="", help="Host before ROUTE, if that is only a domain.")
@click.option("--path", "path", default="", help="Path, if ROUTE has none.")
def unmap_route(it: Invocation, name: str, route: str, hostname: str, path: str) -> None:
    """Take a route from an app; the route itself stays."""
    app = it.api.app(it.space, name)
    domain, host, path = _split(it, route, hostname, path)
    found = it.api.find_route(domain, host, path)
    mine = [to for to in found.destinations if to.app_guid == app.guid] if found else []
    if found is None or not mine:
        there = (one.url for one in it.api.routes_of([app.guid]))
        raise missing("Route", f"{_dotted(host, domain.name)}{path}", there, f"zf app {name}")
    for destination in mine:
        it.api.unmap_route(found, destination.guid)
    _tell(it, found, f"no longer leads to {name}.", {"app": app.name, "mapped": False})


def _split(it: Invocation, route: str, hostname: str, path: str) -> tuple[Domain, str, str]:
    """Domain, host (may be empty) and path (with its slash, or empty) of what was typed."""
    typed, _, typed_path = route.removeprefix("http://").removeprefix("https://").partition("/")
    full = _dotted(hostname, typed.partition(":")[0])
    path = (typed_path or path).strip("/")
    there = it.api.domains(it.org)
    fitting = [one for one in there if full == one.name or full.endswith("." + one.name)]
    if not fitting:
        known = ", ".join(sorted(one.name for one in there)) or "none"
        raise ZfError(f"'{full}' is in no domain of org {it.org.name}", f"Its domains: {known}")
    domain = max(fitting, key=lambda one: len(one.name))
    return domain, full.removesuffix(domain.name).rstrip("."), f"/{path}" if path else ""


def _dotted(host: str, domain: str) -> str:
    return f"{host}.{domain}" if host else domain


def _tell(it: Invocation, route: Route, said: str, answer: dict[str, object]) -> None:
    from zf.push.pipeline import urls_of

    (url,) = urls_of(it.api, [route])
    it.console.say(f"{url} {said}")
    it.console.result({"url": url, "route_guid": route.guid, **answer})
