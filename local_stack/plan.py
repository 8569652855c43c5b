"""The list of everything that makes a stack: children, jobs, their order and their environment.

The programs of ours are a parameter, so that a test can run a stack of other ones.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple

from infrastructure.security.access_tokens import Issuer
from local_stack import environment, envoy, tracing
from local_stack.options import HOST, ExternalServices, Options
from local_stack.postgres import cluster
from local_stack.postgres.server import Postgres
from local_stack.program_settings import confine
from local_stack.programs import Programs
from local_stack.secrets import payload_keys, signing_keys
from local_stack.secrets.passwords import Credentials, load_or_make
from local_stack.services import SplitServices
from local_stack.state_dir import StateDir
from local_stack.supervision import readiness
from local_stack.supervision.child import Child, Job, Lane, Stage
from local_stack.supervision.process import run_to_end
from local_stack.temporal import server as temporal
from local_stack.urls import urls


class Plan(NamedTuple):
    """Stages start one after the other; what is in one, side by side."""

    stages: tuple[Stage, ...]
    environment: dict[str, str]  # what leads to the parts of the stack; holds passwords
    urls: dict[str, str]  # for eyes
    issuer: Issuer | None  # of the API's tokens, if it is ours


def make_plan(
    options: Options, given: ExternalServices, environ: Mapping[str, str], programs: Programs
) -> Plan:
    """The plan for these options. Finds PostgreSQL's place, passwords and key; starts nothing."""
    layout = StateDir(options.state_dir)
    credentials = load_or_make(layout.secrets)
    issuer = None if given.issuer else signing_keys.load_or_make(layout)
    ours = environment.of_the_stack(options, given, environ, credentials)
    ours |= payload_keys.environment(options, layout, environ)
    ours |= payload_keys.persons(options, layout, environ)
    if options.split:
        signing_keys.make_service_key(layout)
    traced = tracing.environment(layout.spans if options.tracing else None)
    all_of_it = environment.inherit_environment(options, given, environ) | ours | traced
    if options.split:
        all_of_it |= environment.of_split_services(options.ports, layout)
    planner = _Planner(options, given, layout, credentials, all_of_it)
    return Plan(
        tracing.name_services(planner.stages(programs)), ours, urls(options, given, ours), issuer
    )


@dataclass(frozen=True)
class _Planner:
    options: Options
    given: ExternalServices
    layout: StateDir
    credentials: Credentials
    env: Mapping[str, str]

    def stages(self, programs: Programs) -> tuple[Stage, ...]:
        """First what everything needs, then what serves."""
        needs = (self._databases(programs), *self._temporal(programs), *self._provider(programs))
        workers = ((self._worker(programs, n),) for n in range(1, self.options.workers + 1))
        beside = ((self._relay(programs),), (self._webhooks(programs),), *self._codec(programs))
        serve = ((self._api(programs),), *self._gateway(), *beside, *workers)
        if not self.options.split:
            return (needs, serve)
        return (needs, self._split.lanes(programs.service, programs.discovery), serve)

    def _env(self, program: str = "") -> Mapping[str, str]:
        """What this program has of the environment; what is not ours has nothing that opens any."""
        return confine(self.env, program, split=self.options.split)

    @property
    def _split(self) -> SplitServices:
        return SplitServices(self.options, self.layout, self.env)

    def _databases(self, programs: Programs) -> Lane:
        migrations = self._job("migrations", programs.migrations, "saga-migrate")
        sealing = self._job("personal data", programs.encryption, "saga-encrypt-users")
        if self.given.all_databases(split=self.options.split):
            return (migrations, sealing)
        place = cluster.locate(self.layout.path)
        log = self.layout.log("postgres")
        port, durable = self.options.ports.postgres, self.options.durable
        postgres = Postgres(place, port, self.credentials, log, durable=durable)
        make = Job("database files", postgres.initialise)
        return (make, postgres.child, Job("databases", postgres.provision), migrations, sealing)

    def _temporal(self, programs: Programs) -> Stage:
        attributes = self._job("search attributes", programs.attributes)
        if self.given.temporal is not None:
            return ((attributes,),)
        ports = self.options.ports
        file, env = self.layout.temporal, self._env()
        codec = f"http://{HOST}:{ports.codec}" if self.options.encrypt else None
        durable = self.options.durable
        server = temporal.server(
            ports.temporal, ports.temporal_ui, file, env, codec, durable=durable
        )
        return ((server,), (attributes,))  # side by side: its client takes a second to load

    def _provider(self, programs: Programs) -> Stage:
        if self.given.provider is not None:
            return ()
        port = self.options.ports.provider
        place = ("--port", str(port), "--database", str(self.layout.path / "sandbox.db"))
        key = {"SANDBOX_KEY": self.credentials.provider_key}
        check = readiness.answers(HOST, port, "/health")
        argv = (*programs.provider, *place)
        return ((Child("provider", argv, {**self._env(), **key}, check, rank=2),),)

    def _api(self, programs: Programs) -> Child:
        port = self.options.ports.api
        argv = (*programs.api, "--host", HOST, "--port", str(port), *self._own_worker())
        check = readiness.answers(HOST, port, "/health/ready")
        looked_at = environment.of_console(self.options, self.layout, self.env)
        env = {**self._env("saga-api"), **looked_at}
        return Child("api", argv, env, check, grace=40.0, rank=5)

    def _own_worker(self) -> tuple[str, ...]:
        """Has the API work too, which stops after the last request is answered."""
        if self.options.separate:
            return ()
        metrics = self.options.ports.metrics_of_api(self.options.workers)
        return ("--work", "--metrics-port", str(metrics))

    def _gateway(self) -> Stage:
        if not self.options.gateway:
            return ()
        ports = self.options.ports
        places = (ports.gateway, ports.api, ports.metrics_base)
        mesh = self._split.mesh() if self.options.split else None
        edge = envoy.configure_gateway(self.layout, places, self._env(), mesh)
        return (envoy.lane(edge, self.layout, self._env()),)

    def _codec(self, programs: Programs) -> Stage:
        if not self.options.encrypt:
            return ()
        port = self.options.ports.codec
        argv = (*programs.codec, "--host", HOST, "--port", str(port))
        check = readiness.answers(HOST, port, "/health/live")
        return ((Child("codec", argv, self._env("saga-codec-server"), check, rank=7),),)

    def _worker(self, programs: Programs, n: int) -> Child:
        ports, name = self.options.ports, f"worker-{n}"
        metrics, health = ports.metrics_base + n, ports.health_base + n
        places = ("--metrics-port", str(metrics), "--health-port", str(health))
        argv = (*programs.worker, "--identity", name, *places)
        check = readiness.answers(HOST, health, "/health/ready")
        return Child(name, argv, self._env("saga-worker"), check, grace=25.0, rank=6)

    def _relay(self, programs: Programs) -> Child:
        health = self.options.ports.health_base
        argv = (*programs.relay, "--health-port", str(health))
        check = readiness.answers(HOST, health, "/health/ready")
        return Child("relay", argv, self._env("saga-relay"), check, rank=7)

    def _webhooks(self, programs: Programs) -> Child:
        health = self.options.ports.health_of_webhooks(self.options.workers)
        argv = (*programs.webhooks, "--health-port", str(health))
        check = readiness.answers(HOST, health, "/health/ready")
        return Child("webhooks", argv, self._env("saga-webhooks"), check, grace=25.0, rank=6)

    def _job(self, name: str, argv: tuple[str, ...], program: str = "") -> Job:
        child = Child(name, argv, self._env(program))
        return Job(name, partial(run_to_end, child, self.layout.log(name.replace(" ", "-"))))
