"""The state behind real sockets: an HTTP/1.1 server on a free port, with faults that a test can switch on."""

import json
import re
import threading
from collections.abc import Callable
from email.parser import BytesParser
from email.policy import HTTP
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any
from urllib.parse import parse_qsl, unquote, urlencode, urlsplit

from .cloud_state import Json, Refused, State, now


class Cloud:
    """requests: every (method, path) received. uploads_to_break, away, lost_builds: how many shall fail that way."""

    def __init__(self) -> None:
        self.state = State()
        self.requests: list[tuple[str, str]] = []
        self.hosts: set[str] = set()
        self.uploads_to_break = 0
        self.away = 0
        self.lost_builds = 0
        self.page_size = 0
        self.lock = threading.Lock()
        self._server = ThreadingHTTPServer(("127.0.0.1", 0), _handler(self))
        self._server.daemon_threads = True
        self.port = self._server.server_address[1]
        self.url = f"http://127.0.0.1:{self.port}"
        threading.Thread(target=self._server.serve_forever, kwargs={"poll_interval": 0.01}, daemon=True).start()

    def close(self) -> None:
        self._server.shutdown()
        self._server.server_close()

    def count(self, method: str, pattern: str) -> int:
        return sum(m == method and bool(re.fullmatch(pattern, path)) for m, path in self.requests)


Answer = tuple[int, Any] | tuple[int, Any, dict[str, str]]


def _handler(cloud: Cloud) -> type[BaseHTTPRequestHandler]:
    class Handler(BaseHTTPRequestHandler):
        protocol_version = "HTTP/1.1"
        disable_nagle_algorithm = True

        def log_message(self, *args: object) -> None:
            pass

        def handle_any(self) -> None:
            url = urlsplit(self.path)
            query = dict(parse_qsl(url.query, keep_blank_values=True))
            length = int(self.headers.get("Content-Length") or 0)
            with cloud.lock:
                cloud.requests.append((self.command, url.path))
                cloud.hosts.add(self.headers["Host"])
            if url.path.endswith("/upload") and cloud.uploads_to_break:
                cloud.uploads_to_break -= 1
                self.rfile.read(min(length, 1000))
                self.close_connection = True
                self.connection.close()
                return
            body = self.rfile.read(length)
            if cloud.away and url.path.startswith("/v3"):
                cloud.away -= 1
                self.send(503, b"upstream connect error", {"Content-Type": "text/plain"})
                return
            try:
                with cloud.lock:
                    answer = _answer(cloud, self, url.path, query, body)
            except Refused as refused:
                answer = refused.status, {"errors": [refused.error]}
            status, value, *headers = answer
            content = b"" if value is None else json.dumps(value).encode()
            self.send(status, content, {"Content-Type": "application/json", **(headers[0] if headers else {})})

        def send(self, status: int, content: bytes, headers: dict[str, str]) -> None:
            self.send_response(status)
            for name, value in headers.items():
                self.send_header(name, value)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST = do_PATCH = do_DELETE = handle_any

    return Handler


def _answer(cloud: Cloud, request: BaseHTTPRequestHandler, path: str, query: dict[str, str], body: bytes) -> Answer:
    state, here = cloud.state, f"http://{request.headers['Host']}"
    if path == "/":
        links = {"login": {"href": here}, "log_cache": {"href": here}, "cloud_controller_v3": {"href": f"{here}/v3"}}
        return 200, {"links": links}
    if path == "/oauth/token":
        try:
            return 200, state.grant(dict(parse_qsl(body.decode())))
        except Refused as refused:
            return 401, {"error": refused.error["title"], "error_description": "refused"}
    sent = (request.headers.get("Authorization") or "").partition(" ")[2]
    if sent not in state.tokens:
        raise Refused(401, 1000, "CF-InvalidAuthToken", "Invalid Auth Token")
    for method, pattern, answer in ROUTES:
        match = re.fullmatch(pattern, path)
        if match and method == request.command:
            known = {"here": here, "query": query, "body": body, "type": request.headers.get("Content-Type", "")}
            return answer(cloud, state, known, *(unquote(part) for part in match.groups()))
    raise Refused(404, 10000, "CF-NotFound", "Unknown request")


def _page(cloud: Cloud, known: Json, path: str, resources: list[Json]) -> Answer:
    page, size = int(known["query"].get("page", 1)), int(known["query"].get("per_page", 50))
    size = min(size, cloud.page_size or size)
    more = len(resources) > page * size
    query = urlencode(known["query"] | {"page": page + 1, "per_page": size})
    following = f"{known['here']}{path}?{query}" if more else None
    pagination = {"total_results": len(resources), "next": {"href": following} if following else None}
    return 200, {"pagination": pagination, "resources": resources[(page - 1) * size : page * size]}


def _named(resources: list[Json], known: Json) -> list[Json]:
    wanted = known["query"].get("names")
    names = wanted and [name.replace("%2C", ",").replace("%25", "%") for name in wanted.split(",")]
    return [one for one in resources if not names or one["name"] in names]


def _get(table: str, kind: str) -> Callable[..., Answer]:
    def answer(cloud: Cloud, state: State, known: Json, guid: str) -> Answer:
        return 200, _find(getattr(state, table), guid, kind)

    return answer


def _find(table: dict[str, Json], guid: str, kind: str) -> Json:
    if guid not in table:
        raise Refused(404, 10010, "CF-ResourceNotFound", f"{kind} not found")
    return table[guid]


def _orgs(cloud: Cloud, state: State, known: Json) -> Answer:
    return _page(cloud, known, "/v3/organizations", _named(list(state.orgs.values()), known))


def _spaces(cloud: Cloud, state: State, known: Json) -> Answer:
    org = known["query"].get("organization_guids")
    spaces = [s for s in state.spaces.values() if s["relationships"]["organization"]["data"]["guid"] == org]
    return _page(cloud, known, "/v3/spaces", _named(spaces, known))


def _apps(cloud: Cloud, state: State, known: Json) -> Answer:
    return _page(cloud, known, "/v3/apps", _named(sorted(state.apps.values(), key=lambda a: a["name"]), known))


def _processes(cloud: Cloud, state: State, known: Json) -> Answer:
    apps = known["query"]["app_guids"].split(",")
    found = [p for p in state.processes.values() if p["relationships"]["app"]["data"]["guid"] in apps]
    return _page(cloud, known, "/v3/processes", found)


def _routes(cloud: Cloud, state: State, known: Json) -> Answer:
    query, found = known["query"], list(state.routes.values())
    if "app_guids" in query:
        found = [one for app in query["app_guids"].split(",") for one in state.routes_of(app)]
    for key, column in (("hosts", "host"), ("paths", "path")):
        if key in query:
            found = [one for one in found if one[column] == query[key]]
    return _page(cloud, known, "/v3/routes", found)


def _create_org(cloud: Cloud, state: State, known: Json) -> Answer:
    return 201, state.add_org(json.loads(known["body"])["name"])


def _create_space(cloud: Cloud, state: State, known: Json) -> Answer:
    sent = json.loads(known["body"])
    return 201, state.add_space(sent["name"], sent["relationships"]["organization"]["data"]["guid"])


def _create_route(cloud: Cloud, state: State, known: Json) -> Answer:
    sent = json.loads(known["body"])
    if sent.get("host") == "taken":
        raise Refused(422, 10008, "CF-UnprocessableEntity", "Route already exists with host 'taken'.")
    url = ".".join(part for part in (sent.get("host"), "localhost") if part) + sent.get("path", "")
    return 201, state.add_route(sent["relationships"]["space"]["data"]["guid"], url)


def _map(cloud: Cloud, state: State, known: Json, route: str) -> Answer:
    state.map(route, json.loads(known["body"])["destinations"][0]["app"]["guid"])
    return 200, state.routes[route]


def _unmap(cloud: Cloud, state: State, known: Json, route: str, destination: str) -> Answer:
    to = state.routes[route]["destinations"]
    to[:] = [one for one in to if one["guid"] != destination]
    return 204, None


def _delete(table: str) -> Callable[..., Answer]:
    def answer(cloud: Cloud, state: State, known: Json, guid: str) -> Answer:
        _find(getattr(state, table), guid, "App")
        del getattr(state, table)[guid]
        return _job(known, state.add_job([]))

    return answer


def _job(known: Json, job: Json) -> Answer:
    return 202, None, {"Location": f"{known['here']}/v3/jobs/{job['guid']}"}


def _manifest(cloud: Cloud, state: State, known: Json, space: str) -> Answer:
    return _job(known, state.apply(space, known["body"].decode()))


def _matches(cloud: Cloud, state: State, known: Json) -> Answer:
    asked = json.loads(known["body"])["resources"]
    return 201, {"resources": [o for o in asked if (o["checksum"]["value"], o["size_in_bytes"]) in state.pool]}


def _create_package(cloud: Cloud, state: State, known: Json) -> Answer:
    app = json.loads(known["body"])["relationships"]["app"]["data"]["guid"]
    package = {"guid": state.guid("package"), "state": "AWAITING_UPLOAD", "data": {}, "app": app, "created_at": now()}
    state.packages[package["guid"]] = package
    return 201, package


def _upload(cloud: Cloud, state: State, known: Json, package: str) -> Answer:
    message = BytesParser(policy=HTTP).parsebytes(f"Content-Type: {known['type']}\r\n\r\n".encode() + known["body"])
    parts = {part.get_param("name", header="content-disposition"): part for part in message.iter_parts()}  # type: ignore[attr-defined]
    bits = parts["bits"].get_payload(decode=True) if "bits" in parts else b""
    return 200, state.upload(package, json.loads(parts["resources"].get_content()), bits)


def _packages(cloud: Cloud, state: State, known: Json) -> Answer:
    found = [p for p in state.packages.values() if p["app"] == known["query"]["app_guids"] and p["state"] == "READY"]
    return _page(cloud, known, "/v3/packages", found[::-1])


def _create_build(cloud: Cloud, state: State, known: Json) -> Answer:
    package = json.loads(known["body"])["package"]["guid"]
    if any(build["state"] == "STAGING" for build in state.builds.values()):
        raise Refused(422, 170017, "CF-StagingInProgress", "Only one build can be STAGING at a time per application.")
    build = state.add_build(package)
    if cloud.lost_builds:
        cloud.lost_builds -= 1
        return 503, {"errors": []}
    return 201, build


def _builds(cloud: Cloud, state: State, known: Json) -> Answer:
    found = [
        b for b in state.builds.values() if (b["package"], b["state"]) == (known["query"]["package_guids"], "STAGING")
    ]
    return _page(cloud, known, "/v3/builds", found)


def _droplet(cloud: Cloud, state: State, known: Json, app: str) -> Answer:
    state.apps[app]["relationships"]["current_droplet"] = json.loads(known["body"])
    return 200, json.loads(known["body"])


def _current_droplet(cloud: Cloud, state: State, known: Json, app: str) -> Answer:
    if not state.apps[app]["relationships"]["current_droplet"]["data"]:
        raise Refused(404, 10010, "CF-ResourceNotFound", "Droplet not found")
    return 200, {"guid": "droplet"}


def _act(cloud: Cloud, state: State, known: Json, app: str, action: str) -> Answer:
    state.events.insert(0, {"type": f"audit.app.{action}", "created_at": now(), "actor": {"name": "ada"}, "data": {}})
    if action == "stop":
        state.apps[app]["state"] = "STOPPED"
    else:
        state.start(app)
    return 200, state.apps[app]


def _scale(cloud: Cloud, state: State, known: Json, app: str) -> Answer:
    state.web_of(app).update(json.loads(known["body"]))
    return 202, state.web_of(app)


def _delete_instance(cloud: Cloud, state: State, known: Json, app: str, index: str) -> Answer:
    if int(index) >= state.web_of(app)["instances"]:
        raise Refused(404, 10010, "CF-ResourceNotFound", "Instance not found")
    return 204, None


def _patch_env(cloud: Cloud, state: State, known: Json, app: str) -> Answer:
    env = state.apps[app]["env"] | json.loads(known["body"])["var"]
    state.apps[app]["env"] = {key: value for key, value in env.items() if value is not None}
    return 200, {"var": state.apps[app]["env"]}


ROUTES: list[tuple[str, str, Callable[..., Answer]]] = [
    ("GET", "/v3/organizations", _orgs),
    ("POST", "/v3/organizations", _create_org),
    ("GET", "/v3/organizations/([^/]+)/domains", lambda c, s, k, g: _page(c, k, "/", list(s.domains.values()))),
    ("GET", "/v3/spaces", _spaces),
    ("POST", "/v3/spaces", _create_space),
    ("POST", "/v3/spaces/([^/]+)/actions/apply_manifest", _manifest),
    ("GET", "/v3/apps", _apps),
    ("GET", "/v3/apps/([^/]+)", _get("apps", "App")),
    ("DELETE", "/v3/apps/([^/]+)", _delete("apps")),
    ("POST", "/v3/apps/([^/]+)/actions/(start|stop|restart)", _act),
    ("GET", "/v3/apps/([^/]+)/env", lambda c, s, k, g: (200, {"environment_variables": s.apps[g]["env"]})),
    ("PATCH", "/v3/apps/([^/]+)/environment_variables", _patch_env),
    ("PATCH", "/v3/apps/([^/]+)/relationships/current_droplet", _droplet),
    ("GET", "/v3/apps/([^/]+)/droplets/current", _current_droplet),
    ("GET", "/v3/apps/([^/]+)/sidecars", lambda c, s, k, g: _page(c, k, "/", [])),
    ("GET", "/v3/deployments", lambda c, s, k: _page(c, k, "/", [])),
    ("POST", "/v3/apps/([^/]+)/processes/web/actions/scale", _scale),
    ("DELETE", "/v3/apps/([^/]+)/processes/web/instances/([0-9]+)", _delete_instance),
    ("GET", "/v3/processes", _processes),
    ("GET", "/v3/processes/([^/]+)/stats", lambda c, s, k, g: (200, {"resources": s.stats(s.processes[g])})),
    ("GET", "/v3/routes", _routes),
    ("POST", "/v3/routes", _create_route),
    ("DELETE", "/v3/routes/([^/]+)", _delete("routes")),
    ("POST", "/v3/routes/([^/]+)/destinations", _map),
    ("DELETE", "/v3/routes/([^/]+)/destinations/([^/]+)", _unmap),
    ("POST", "/v3/resource_matches", _matches),
    ("GET", "/v3/packages", _packages),
    ("POST", "/v3/packages", _create_package),
    ("POST", "/v3/packages/([^/]+)/upload", _upload),
    ("GET", "/v3/packages/([^/]+)", lambda c, s, k, g: (200, s.package(g))),
    ("POST", "/v3/builds", _create_build),
    ("GET", "/v3/builds", _builds),
    ("GET", "/v3/builds/([^/]+)", lambda c, s, k, g: (200, s.build(g))),
    ("GET", "/v3/jobs/([^/]+)", lambda c, s, k, g: (200, s.job(g))),
    ("GET", "/v3/audit_events", lambda c, s, k: _page(c, k, "/v3/audit_events", s.events)),
    ("GET", "/api/v1/read/([^/]+)", lambda c, s, k, g: (200, s.read_log(g, k["query"]))),
]
