"""`saga-sandbox`: run the provider until it is stopped."""

import argparse
import os
import sys
from pathlib import Path

import uvicorn

from sandbox.app import create_app
from sandbox.server import config


def main() -> None:
    """Read the command line and SANDBOX_KEY, then serve."""
    parser = argparse.ArgumentParser(prog="sandbox", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", type=int, default=8420)
    parser.add_argument("--database", type=Path, required=True, help="SQLite file; made if absent")
    arguments = parser.parse_args()
    key = os.environ.get("SANDBOX_KEY", "")
    if not key:
        sys.exit("sandbox: set SANDBOX_KEY to the API key that clients must send")
    app = create_app(key, arguments.database)
    uvicorn.Server(config(app, arguments.host, arguments.port)).run()


if __name__ == "__main__":
    main()
