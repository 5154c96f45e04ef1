"""The app that the tests run, as its source."""

#: An app that answers, logs each request, and does on demand what apps do to a host.
SERVER = """
import http.server, os, signal, subprocess, sys, threading, time
class Handler(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        path, _, query = self.path.partition("?")
        answer = b"hello from " + os.environ["CF_INSTANCE_INDEX"].encode()
        if path == "/exit":
            os._exit(int(query))
        elif path == "/env":
            import json
            answer = json.dumps(dict(os.environ)).encode()
        elif path == "/eat":
            Handler.eaten = bytearray(os.urandom(1024) * 1024 * int(query))
        elif path == "/fill":
            with open(os.environ["TMPDIR"] + "/big", "wb") as file:
                for _ in range(int(query)):
                    file.write(os.urandom(1024) * 1024)
        elif path == "/daemon":
            subprocess.Popen(["setsid", "sleep", "1000"], start_new_session=True)
        elif path == "/spin":
            until = time.monotonic() + float(query)
            while time.monotonic() < until:
                pass
        elif path == "/slow":
            time.sleep(float(query))
        elif path == "/log":
            for i in range(int(query)):
                print("line", i, flush=True)
        elif path == "/keep-logging":
            def keep():
                for i in range(int(query)):
                    print("kept", i, flush=True)
                    time.sleep(0.002)
            threading.Thread(target=keep, daemon=True).start()
        elif path == "/ready":
            self.send_response(200 if os.path.exists("ready") else 503)
            self.send_header("Content-Length", "0")
            return self.end_headers()
        elif path == "/touch":
            open("ready", "w").close()
        elif path == "/untouch":
            os.remove("ready")
        self.send_response(200)
        self.send_header("Content-Length", str(len(answer)))
        self.end_headers()
        self.wfile.write(answer)
    def log_message(self, *args):
        pass
server = http.server.ThreadingHTTPServer(("127.0.0.1", int(os.environ["PORT"])), Handler)
print("serving on", os.environ["PORT"], flush=True)
server.serve_forever()
"""
