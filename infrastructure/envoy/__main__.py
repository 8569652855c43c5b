"""`saga-gateway-config`: writes the gateway's configuration, for an Envoy elsewhere.

It is the one of the local stack (docs/gateway.md): GATEWAY_* and API_AUTH_* say the same.
"""

import argparse
import json
import os
import sys
from collections.abc import Mapping
from pathlib import Path

from pydantic import ValidationError

from infrastructure.envoy.builders import Address
from infrastructure.envoy.gateway import Gateway
from infrastructure.envoy.jwks_source import KeySource
from infrastructure.envoy.observability import Tracing
from infrastructure.envoy.settings import GatewaySettings

NEEDED = ("API_AUTH_ISSUER", "API_AUTH_AUDIENCE", "API_AUTH_JWKS")
ADMIN = "/tmp/gateway.sock"  # noqa: S108  # of Envoy's container, where nobody else is
STDOUT = Path("/dev/stdout")


def arguments() -> argparse.Namespace:
    """The command line."""
    parser = argparse.ArgumentParser(prog="saga-gateway-config", description=__doc__)
    parser.add_argument("--listen", type=Address.parse, default=Address("0.0.0.0", 8080))  # noqa: S104
    parser.add_argument("--metrics", type=Address.parse, default=Address("0.0.0.0", 9901))  # noqa: S104
    told = "host:port of the API; may be repeated, and a name may have several addresses"
    parser.add_argument("--api", type=Address.parse, required=True, action="append", help=told)
    parser.add_argument("--output", type=Path, required=True, help="the file to write")
    return parser.parse_args()


def build_gateway(options: argparse.Namespace, environ: Mapping[str, str]) -> Gateway:
    """The gateway. ValueError says what is missing or wrong."""
    if missing := [name for name in NEEDED if not environ.get(name)]:
        raise ValueError(f"set {', '.join(missing)}")
    collector = environ.get("OTEL_EXPORTER_OTLP_ENDPOINT")
    return Gateway(
        options.listen,
        tuple(options.api),
        options.metrics,
        issuer=environ["API_AUTH_ISSUER"],
        audience=environ["API_AUTH_AUDIENCE"],
        keys=KeySource(environ["API_AUTH_JWKS"]),
        access_log=STDOUT,
        admin=ADMIN,
        settings=GatewaySettings.by(environ),
        tracing=Tracing(collector) if collector else None,
        watched=True,
    )


def main() -> None:
    """Entry point."""
    options = arguments()
    try:
        gateway = build_gateway(options, os.environ)
    except (ValidationError, ValueError) as error:
        sys.exit(str(error))
    options.output.write_text(json.dumps(gateway.config(), indent=1))


if __name__ == "__main__":
    main()
