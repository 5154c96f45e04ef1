"""An app for tests: says who it is, and misbehaves on request. Standard library only, so that staging is quick."""

import json
import os
import sys
import time
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import parse_qs, urlsplit

COMING_UP_S = float(os.environ.get("COMING_UP_S", "0"))
HELD = []


class Handler(BaseHTTPRequestHandler):
    protocol_version = "HTTP/1.1"

    def do_GET(self):
        url = urlsplit(self.path)
        query = {key: values[-1] for key, values in parse_qs(url.query).items()}
        name = url.path.strip("/").rpartition("/")[2] or "who"
        action = getattr(self, f"act_{name}", self.act_who)
        action(query)

    def do_POST(self):
        length = int(self.headers.get("content-length", 0))
        size = 0
        while size < length:
            size += len(self.rfile.read(min(1 << 20, length - size)))
        self.answer({"size": size})

    def act_who(self, query):
        self.answer(
            {
                "index": int(os.environ["CF_INSTANCE_INDEX"]),
                "guid": os.environ["CF_INSTANCE_GUID"],
                "pid": os.getpid(),
                "message": os.environ.get("MESSAGE", ""),
                "path": self.path,
                "headers": {key.lower(): value for key, value in self.headers.items()},
            }
        )

    def act_env(self, query):
        self.answer(dict(os.environ))

    def act_crash(self, query):
        print("about to crash", flush=True)
        os._exit(int(query.get("status", "1")))

    def act_log(self, query):
        for number in range(int(query.get("lines", "1"))):
            print(f"{query.get('text', 'line')} {number}", flush=True)
        self.answer({})

    def act_slow(self, query):
        time.sleep(float(query.get("s", "1")))
        self.act_who(query)

    def act_eat(self, query):
        HELD.append(bytearray(os.urandom(1 << 20) * int(query["mb"])))
        self.answer({})

    def act_fill(self, query):
        with open(os.path.join(os.environ["HOME"], "filler"), "wb") as filler:
            for _ in range(int(query["mb"])):
                filler.write(os.urandom(1 << 20))
        self.answer({})

    def answer(self, data):
        body = json.dumps(data).encode()
        self.send_response(200)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *args):
        pass


class Server(ThreadingHTTPServer):
    daemon_threads = True
    request_queue_size = 256


if os.environ.get("EXIT_AT_ONCE"):
    print("exiting at once", flush=True)
    sys.exit(int(os.environ["EXIT_AT_ONCE"]))
if os.environ.get("NEVER_BIND"):
    print("never binding", flush=True)
    time.sleep(3600)
time.sleep(COMING_UP_S)
print(f"listening on {os.environ['PORT']}", flush=True)
if os.environ.get("CHATTER_S"):
    import threading

    def chatter():
        number = 0
        while True:
            print(f"chatter {number}", flush=True)
            number += 1
            time.sleep(float(os.environ["CHATTER_S"]))

    threading.Thread(target=chatter, daemon=True).start()
Server(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
