"""The gateway as a child: Envoy, with a configuration of ours, written anew before each start.

What may be chosen of it is in GATEWAY_* of the environment; see docs/gateway.md.
"""

import json
import sys
from collections.abc import Mapping
from functools import partial
from pathlib import Path

from pydantic import ValidationError

from infrastructure.envoy.builders import Address
from infrastructure.envoy.gateway import Gateway
from infrastructure.envoy.jwks_source import KeySource
from infrastructure.envoy.mesh import ServiceMesh
from infrastructure.envoy.settings import PREFIX, GatewaySettings
from local_stack import tracing
from local_stack.errors import StackError
from local_stack.options import HOST
from local_stack.state_dir import StateDir, write_private
from local_stack.supervision import readiness
from local_stack.supervision.child import Child, Job, Lane

SOCKET = "gateway.sock"  # in the state dir, where Envoy runs: a longer path may be too long
ACCESS_LOG = "gateway-access"
WORKERS = 2
RANK = 7  # it stops first
BETWEEN_SERVICES = 4  # … but after the API and the workers, where these need it to call services


def program() -> Path:
    """The `envoy` executable of the wheel, beside the interpreter."""
    return Path(sys.executable).parent / "envoy"


def configure_gateway(
    layout: StateDir,
    ports: tuple[int, int, int],
    environ: Mapping[str, str],
    mesh: ServiceMesh | None = None,
) -> Gateway:
    """The gateway on ports (its own, the API's, its metrics'). StackError names a wrong setting.

    `mesh` is what the same Envoy does between services, if they are processes of their own.
    """
    listen, api, metrics = (Address(HOST, port) for port in ports)
    try:
        settings = GatewaySettings.by(environ)
    except ValidationError as error:
        faults = [
            f"{PREFIX}{str(fault['loc'][0]).upper()}: {fault['msg']}" for fault in error.errors()
        ]
        raise StackError("\n".join(faults)) from None
    return Gateway(
        listen,
        (api,),
        metrics,
        issuer=environ["API_AUTH_ISSUER"],
        audience=environ["API_AUTH_AUDIENCE"],
        keys=KeySource(_from_anywhere(environ["API_AUTH_JWKS"])),
        access_log=layout.log(ACCESS_LOG),
        admin=SOCKET,
        settings=settings,
        mesh=mesh,
        tracing=tracing.of_the_gateway(environ),
    )


def lane(gateway: Gateway, layout: StateDir, env: Mapping[str, str]) -> Lane:
    """Write the configuration, then start Envoy; it is ready when it has its keys."""
    place, socket = layout.path / "gateway.json", layout.path / SOCKET

    async def write() -> None:
        if gateway.mesh is not None:
            gateway.mesh.prepare()
        write_private(place, json.dumps(gateway.config(), indent=1))

    options = (
        *("--concurrency", str(WORKERS), "--disable-hot-restart", "--log-level", "warning"),
        *("--file-flush-interval-msec", "500"),  # of the access log, which `saga trace` reads
    )
    node = ("--service-node", "gateway", "--service-cluster", "order-saga")  # for endpoint files
    envoy = Child(
        name="gateway",
        argv=(str(program()), "--config-path", str(place), *options, *node),
        env=env,
        ready=readiness.answers(gateway.metrics.host, gateway.metrics.port, "/ready"),
        tidy=partial(socket.unlink, missing_ok=True),
        rank=RANK if gateway.mesh is None else BETWEEN_SERVICES,
        cwd=layout.path,
    )
    return (Job("gateway's configuration", write), envoy)


def _from_anywhere(keys: str) -> str:
    """A file's path as Envoy finds it, which runs elsewhere; a URL as it is."""
    return keys if "://" in keys else str(Path(keys).absolute())
