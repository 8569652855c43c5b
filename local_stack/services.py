"""The services as processes of their own: instances, who watches over them, and Envoy before them.

The gateway's Envoy is theirs too: beside its listener for the outside it has one on loopback for
each service, where the API and the workers call.
"""

from collections.abc import Mapping
from dataclasses import dataclass

from contracts.names import SERVICES
from infrastructure.envoy.builders import Address
from infrastructure.envoy.endpoints import EndpointFiles
from infrastructure.envoy.mesh import ServiceMesh, balancing_by
from local_stack.errors import StackError
from local_stack.options import HOST, Options
from local_stack.program_settings import confine
from local_stack.state_dir import StateDir
from local_stack.supervision import readiness
from local_stack.supervision.child import Child, Lane, Stage

RANK = 3  # stops after those that call, and before what services need


@dataclass(frozen=True)
class SplitServices:
    """What the plan has of them. `env` is the environment of the whole stack."""

    options: Options
    layout: StateDir
    env: Mapping[str, str]

    def lanes(self, service: tuple[str, ...], discovery: tuple[str, ...]) -> Stage:
        """All instances and the watch; `service` and `discovery` are how these are started."""
        watch = Child(
            "discovery",
            (
                *(*discovery, "--endpoints", str(self.layout.endpoints)),
                *("--metrics-port", str(self.options.ports.discovery)),
            ),
            confine(self.env, "saga-discovery"),
            rank=RANK,
        )
        instances: list[Lane] = [
            (self._instance(service, name, n),)
            for name in SERVICES
            for n in range(1, self.options.scale_of(name) + 1)
        ]
        return ((watch,), *instances)

    def mesh(self) -> ServiceMesh:
        """What Envoy has of them. StackError names a wrong setting."""
        try:
            balancing = balancing_by(self.env, tuple(SERVICES))
        except ValueError as error:
            raise StackError(str(error)) from None
        ports = self.options.ports
        places = {service: Address(HOST, ports.service(service)) for service in SERVICES}
        return ServiceMesh(places, EndpointFiles(self.layout.endpoints), balancing)

    def _instance(self, argv: tuple[str, ...], service: str, n: int) -> Child:
        port = self.options.ports.instance(service, n)
        name = f"{service}-{n}"
        place = ("--host", HOST, "--port", str(port), "--instance", name)
        return Child(
            name,
            (*argv[:-1], f"{argv[-1]}-{service}", *place),
            confine(self.env, f"saga-service-{service}"),
            readiness.answers(HOST, port, "/health/ready"),
            grace=20.0,
            rank=RANK,
        )
