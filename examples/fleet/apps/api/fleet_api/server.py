"""GET /health, /ships, /ships/NAME and /openapi.json."""

import http.server
import json
import pathlib

from . import register, version

OPENAPI = pathlib.Path(__file__).parent.parent / "docs" / "openapi.json"


def serve(address, path):
    host, port = address.rsplit(":", 1)
    server = http.server.ThreadingHTTPServer((host, int(port)), Requests)
    server.ships = register.read(path)
    print(f"listening on http://{host}:{server.server_port}", flush=True)
    server.serve_forever()


class Requests(http.server.BaseHTTPRequestHandler):
    def do_GET(self):
        ships = self.server.ships
        if self.path == "/health":
            self.answer(200, {"status": "ok", "version": version(), "ships": len(ships)})
        elif self.path == "/ships":
            self.answer(200, list(ships.values()))
        elif self.path.startswith("/ships/") and self.path[7:] in ships:
            self.answer(200, ships[self.path[7:]])
        elif self.path == "/openapi.json":
            self.answer(200, json.loads(OPENAPI.read_text()))
        else:
            self.answer(404, {"error": f"nothing is at {self.path}"})

    def answer(self, status, value):
        body = json.dumps(value).encode()
        self.send_response(status)
        self.send_header("Content-Type", "application/json")
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_):
        """Health checks would fill the log."""
