"""``python -m`` this: serves HTTP on the socket that it was given, and ends in order at SIGTERM."""

import signal
import socket
import sys
import threading
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Handler(BaseHTTPRequestHandler):
    """Answers with the version that the command line says."""

    def do_GET(self) -> None:
        body = sys.argv[1].encode()
        self.send_response(200)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, format: str, *args: object) -> None:  # noqa: A002
        """Print nothing."""


def main() -> None:
    """Serve until SIGTERM, and answer what was accepted by then."""
    given = socket.socket(fileno=3)
    with ThreadingHTTPServer(("", 0), Handler, bind_and_activate=False) as server:
        server.daemon_threads = False  # they are waited for at the end
        server.socket.close()
        server.socket = given
        stop = threading.Thread(target=server.shutdown)
        signal.signal(signal.SIGTERM, lambda _number, _frame: stop.start())
        server.serve_forever(poll_interval=0.05)


if __name__ == "__main__":
    main()
