"""A static web server in one file: HTTP/1.1, threads, sendfile, validators, single ranges.

Standard library only, for whatever Python 3 the stack has. Serves the folder named in static.json (beside this
file) of the app's folder (HOME) on PORT.
"""

import hashlib
import html
import json
import mimetypes
import os
import posixpath
import re
import signal
import socket
import sys
import threading
import time
import urllib.parse
from email.utils import formatdate, parsedate_to_datetime
from http import HTTPStatus
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer

HERE = os.path.dirname(os.path.abspath(__file__))

#: Of the app's root, never served: they are about the app, not of it.
PRIVATE = {"Staticfile", "Staticfile.auth", "manifest.yml", "manifest.yaml", "Procfile", ".cfignore"}

with open(os.path.join(HERE, "static.json"), encoding="utf-8") as _file:
    CONFIG = json.load(_file)
ROOT = os.path.realpath(os.path.join(os.environ["HOME"], CONFIG["root"]))

#: (path, size, time of change) -> content's hash; instances of one droplet so agree about a file's ETag.
_tags = {}

#: The threads that answer a request at this moment; those of idle connections are not among them.
_busy = set()


def etag(path, status):
    key = (path, status.st_size, status.st_mtime_ns)
    if key not in _tags:
        digest = hashlib.blake2b(digest_size=12)
        with open(path, "rb") as file:
            while chunk := file.read(1 << 18):
                digest.update(chunk)
        _tags[key] = f'"{digest.hexdigest()}"'
    return _tags[key]


def locate(url_path):
    """The file or folder that a URL's path names, or None. Never outside of the root."""
    try:
        path = urllib.parse.unquote(url_path, errors="strict")
    except UnicodeDecodeError:
        return None
    if "\0" in path:
        return None
    parts = [part for part in posixpath.normpath(path).split("/") if part not in ("", ".")]
    if ".." in parts:
        return None
    if not CONFIG["host_dot_files"] and any(part.startswith(".") and part != ".well-known" for part in parts):
        return None
    if CONFIG["root"] == "." and parts and parts[0] in PRIVATE:
        return None
    found = os.path.realpath(os.path.join(ROOT, *parts))
    return found if found == ROOT or found.startswith(ROOT + os.sep) else None


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"
    server_version, sys_version = "static", ""
    #: Seconds that a connection may be silent. Longer than the router keeps idle ones.
    timeout = 120
    disable_nagle_algorithm = True

    def do_GET(self):
        _busy.add(threading.get_ident())
        try:
            # A body that nobody reads would be taken for the next request.
            if self.headers.get("Content-Length", "0") != "0" or "Transfer-Encoding" in self.headers:
                self.close_connection = True
            self.respond()
        finally:
            _busy.discard(threading.get_ident())

    do_HEAD = do_GET

    def do_POST(self):
        self.close_connection = True
        self.text(HTTPStatus.METHOD_NOT_ALLOWED, "Method not allowed\n")

    do_PUT = do_PATCH = do_DELETE = do_OPTIONS = do_POST

    def respond(self):
        if CONFIG["force_https"] and self.headers.get("X-Forwarded-Proto") == "http":
            return self.redirect(f"https://{self.headers.get('Host', '')}{self.path}")
        url_path, _, query = self.path.partition("?")
        if "://" in url_path[:10]:  # the absolute form
            url_path = urllib.parse.urlsplit(url_path).path
        found = locate(url_path)
        if found and os.path.isdir(found):
            if not url_path.endswith("/"):
                # One slash: two would name another host.
                return self.redirect("/" + url_path.strip("/") + "/" + ("?" + query if query else ""))
            index = os.path.join(found, "index.html")
            if not os.path.isfile(index) and CONFIG["directory"]:
                return self.listing(found)
            found = index
        elif url_path.endswith("/"):
            found = None
        if not found or not os.path.isfile(found):
            if CONFIG["pushstate"] and "." not in posixpath.basename(url_path):
                found = os.path.join(ROOT, "index.html")
            if not found or not os.path.isfile(found):
                return self.missing()
        return self.file(found)

    def file(self, path, status=HTTPStatus.OK):
        try:
            with open(path, "rb") as file:
                self.send_file(file, path, status)
        except PermissionError:
            self.text(HTTPStatus.FORBIDDEN, "Forbidden\n")

    def send_file(self, file, path, status):
        info = os.fstat(file.fileno())
        tag, first, last = etag(path, info), 0, info.st_size - 1
        if status == HTTPStatus.OK and self.is_known(tag):
            self.send_response(HTTPStatus.NOT_MODIFIED)
            self.validators(tag)
            self.end_headers()
            return
        asked = self.asked_range(info.st_size, tag) if status == HTTPStatus.OK else None
        if asked == "none":
            self.send_response(HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE)
            self.send_header("Content-Range", f"bytes */{info.st_size}")
            self.send_header("Content-Length", "0")
            self.end_headers()
            return
        if asked:
            status, (first, last) = HTTPStatus.PARTIAL_CONTENT, asked
        self.send_response(status)
        kind = mimetypes.guess_type(path)[0] or "application/octet-stream"
        self.send_header("Content-Type", kind + ("; charset=utf-8" if kind.startswith("text/") else ""))
        self.send_header("Content-Length", str(last - first + 1))
        self.send_header("Accept-Ranges", "bytes")
        if asked:
            self.send_header("Content-Range", f"bytes {first}-{last}/{info.st_size}")
        self.validators(tag)
        self.end_headers()
        if self.command == "GET":
            self.send_body(file, first, last - first + 1)

    def send_body(self, file, offset, left):
        if left:
            # By the kernel, and with its own loop over partial sends and the connection's timeout.
            self.wfile.flush()
            self.connection.sendfile(file, offset, left)

    def validators(self, tag):
        self.send_header("ETag", tag)
        self.send_header("Last-Modified", formatdate(CONFIG["built"], usegmt=True))

    def is_known(self, tag):
        if "If-None-Match" in self.headers:
            known = [item.strip().removeprefix("W/") for item in self.headers["If-None-Match"].split(",")]
            return tag in known or "*" in known
        try:
            since = parsedate_to_datetime(self.headers.get("If-Modified-Since", ""))
            return since.timestamp() >= CONFIG["built"]
        except (TypeError, ValueError, IndexError):
            return False

    def asked_range(self, size, tag):
        """(first, last); None for the whole; "none" when there is no such part."""
        match = re.fullmatch(r"bytes=(\d{0,18})-(\d{0,18})", self.headers.get("Range", "").strip())
        if not match or not (match[1] or match[2]) or self.headers.get("If-Range", tag) != tag:
            return None
        if not match[1]:
            first, last = max(0, size - int(match[2])), size - 1
        else:
            first, last = int(match[1]), min(int(match[2] or size - 1), size - 1)
        if first > last:
            return "none"
        return first, last

    def listing(self, folder):
        names = sorted(
            entry.name + "/" * entry.is_dir()
            for entry in os.scandir(folder)
            if CONFIG["host_dot_files"] or not entry.name.startswith(".")
        )
        rows = "".join(f'<li><a href="{urllib.parse.quote(name)}">{html.escape(name)}</a>\n' for name in names)
        self.text(HTTPStatus.OK, f"<!doctype html>\n<title>Index</title>\n<ul>\n{rows}</ul>\n", "text/html")

    def missing(self):
        page = os.path.join(ROOT, "404.html")
        if os.path.isfile(page):
            return self.file(page, HTTPStatus.NOT_FOUND)
        return self.text(HTTPStatus.NOT_FOUND, "Not found\n")

    def redirect(self, target):
        self.send_response(HTTPStatus.MOVED_PERMANENTLY)
        self.send_header("Location", target)
        self.send_header("Content-Length", "0")
        self.end_headers()

    def text(self, status, body, kind="text/plain"):
        data = body.encode(errors="replace")
        self.send_response(status)
        self.send_header("Content-Type", kind + "; charset=utf-8")
        self.send_header("Content-Length", str(len(data)))
        if self.close_connection:
            self.send_header("Connection", "close")
        self.end_headers()
        if self.command != "HEAD":
            self.wfile.write(data)

    def log_message(self, format, *args):
        """The router writes an access line for every request."""


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 512

    def handle_error(self, request, client_address):
        """A client that goes away is no error of ours."""
        if not isinstance(sys.exc_info()[1], (ConnectionError, TimeoutError, socket.timeout)):
            super().handle_error(request, client_address)


def main():
    server = Server(("", int(os.environ["PORT"])), Handler)
    signal.signal(signal.SIGTERM, lambda *_: threading.Thread(target=server.shutdown).start())
    print(f"Serving {CONFIG['root']} on port {os.environ['PORT']}", flush=True)
    server.serve_forever()
    # Requests under way have a moment; the threads end with the process.
    deadline = time.monotonic() + 5
    while _busy and time.monotonic() < deadline:
        time.sleep(0.05)


main()
