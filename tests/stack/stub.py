"""Stands for the API, a worker or the provider: answers 200 to everything, like a healthy one.

Takes their arguments. `--refuse` makes it end at once, as a program that cannot start does;
`--stubborn` makes it deaf to SIGTERM.
"""

import signal
import sys
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer


class Healthy(BaseHTTPRequestHandler):
    def do_GET(self) -> None:
        self.send_response(200)
        self.end_headers()
        self.wfile.write(b"{}")


def main(arguments: list[str]) -> None:
    if "--refuse" in arguments:
        sys.exit("this program refuses to start")
    if "--stubborn" in arguments:
        signal.signal(signal.SIGTERM, signal.SIG_IGN)
    flag = "--health-port" if "--health-port" in arguments else "--port"
    port = int(arguments[arguments.index(flag) + 1])
    ThreadingHTTPServer(("127.0.0.1", port), Healthy).serve_forever()


if __name__ == "__main__":
    main(sys.argv[1:])
