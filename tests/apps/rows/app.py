"""Keeps rows in the PostgreSQL that it is bound to: POST / adds the body as one, GET / tells all."""

import json
import os
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from urllib.parse import urlsplit

import pg8000.dbapi


def connect():
    (service,) = json.loads(os.environ["VCAP_SERVICES"])["postgres"]
    url = urlsplit(service["credentials"]["uri"])
    return pg8000.dbapi.connect(
        url.username, password=url.password, host=url.hostname, port=url.port, database=url.path[1:], timeout=10
    )


class Handler(BaseHTTPRequestHandler):
    def do_GET(self):
        with connect() as connection:
            cursor = connection.cursor()
            cursor.execute("SELECT word FROM words ORDER BY id")
            self.answer([word for (word,) in cursor.fetchall()])

    def do_POST(self):
        word = self.rfile.read(int(self.headers["Content-Length"])).decode()
        with connect() as connection:
            connection.cursor().execute("INSERT INTO words (word) VALUES (%s)", (word,))
            connection.commit()
        self.answer({"added": word})

    def answer(self, document):
        body = json.dumps(document).encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)


with connect() as connection:
    connection.cursor().execute("CREATE TABLE IF NOT EXISTS words (id SERIAL PRIMARY KEY, word TEXT NOT NULL)")
    connection.commit()
ThreadingHTTPServer(("0.0.0.0", int(os.environ["PORT"])), Handler).serve_forever()
