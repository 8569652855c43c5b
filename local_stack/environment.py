"""The environment of the stack's processes: where its parts are, and nothing that misleads."""

import os
from collections.abc import Mapping

from contracts.names import DATABASES, SERVICES
from local_stack.envoy import SOCKET
from local_stack.options import HOST, ExternalServices, Options, Ports, database_variable
from local_stack.program_settings import CALLERS, REGISTRY
from local_stack.secrets import signing_keys
from local_stack.secrets.passwords import Credentials
from local_stack.secrets.signing_keys import BETWEEN_SERVICES
from local_stack.state_dir import StateDir

ALLOWED = "WEBHOOK_ALLOWED_NETWORKS"  # receivers are on this machine, if nothing else is said
RETURN_URL = "PAYMENT_RETURN_URL"  # where customers come back who have authenticated a payment
VERSION = ("TEMPORAL_DEPLOYMENT_NAME", "TEMPORAL_WORKER_BUILD_ID")  # of the workers' code


def of_the_stack(
    options: Options, given: ExternalServices, environ: Mapping[str, str], credentials: Credentials
) -> dict[str, str]:
    """What leads a program to the parts of this stack. Holds passwords."""
    ours = {"PYTHONUNBUFFERED": "1"}  # so that a log's last words are in it after a crash
    ours[ALLOWED] = environ.get(ALLOWED, HOST)
    for service, role in DATABASES.items():
        own = _make_url(role, options, credentials)
        ours[database_variable(service)] = given.databases.get(service, own)
    if options.split:
        ours[REGISTRY] = given.registry or _make_url("registry", options, credentials)
    if given.provider is None:
        ours["PAYMENT_PROVIDER_URL"] = f"http://{HOST}:{options.ports.provider}"
        ours["PAYMENT_PROVIDER_KEY"] = credentials.provider_key
    else:
        ours["PAYMENT_PROVIDER_URL"] = given.provider
        ours["PAYMENT_PROVIDER_KEY"] = environ["PAYMENT_PROVIDER_KEY"]
    page = f"http://{HOST}:{options.ports.api}/console/orders/{{order_id}}"
    ours[RETURN_URL] = environ.get(RETURN_URL) or page
    return ours | _choose_issuer(options, given, environ) | _locate_temporal(options, given)


def _make_url(role: str, options: Options, credentials: Credentials) -> str:
    """Of the database of this role, in our PostgreSQL."""
    return f"postgresql://{role}:{credentials.roles[role]}@{HOST}:{options.ports.postgres}/{role}"


def of_split_services(ports: Ports, layout: StateDir) -> dict[str, str]:
    """Where services are that are processes of their own, and the keys of tokens between them."""
    places = {
        f"{service.upper()}_SERVICE_URL": f"http://{HOST}:{ports.service(service)}"
        for service in SERVICES
    }
    return places | {
        "SERVICE_AUTH_ISSUER": BETWEEN_SERVICES,
        CALLERS: str(layout.service_key),
        "SERVICE_AUTH_JWKS": str(layout.service_jwks),
    }


def of_console(options: Options, layout: StateDir, env: Mapping[str, str]) -> dict[str, str]:
    """Of the API: what its console looks at. What the user has set is left alone."""
    ports, workers = options.ports, range(1, options.workers + 1)
    places = [(f"worker-{n}", ports.health_base + n) for n in workers]  # our own measures
    places += [(f"worker-{n}", ports.metrics_base + n) for n in workers]  # Temporal's SDK's
    if not options.separate:
        places.append(("api", ports.metrics_of_api(options.workers)))
    ours = {}
    if options.split:
        places += [
            (f"{service}-{n}", ports.instance(service, n))
            for service in SERVICES
            for n in range(1, options.scale_of(service) + 1)
        ]
        places.append(("discovery", ports.discovery))
        ours = {"CONSOLE_ENVOY": str(layout.path / SOCKET)} if options.gateway else {}
    metrics = (f"{name}=http://{HOST}:{port}/metrics" for name, port in places)
    ours["CONSOLE_METRICS"] = " ".join(metrics)
    sandbox = env["PAYMENT_PROVIDER_URL"] == f"http://{HOST}:{ports.provider}"
    ours["CONSOLE_DEMO_ORDERS"] = str(sandbox).lower()  # where no money moves
    return ours | {name: value for name, value in env.items() if name in ours}


def inherit_environment(
    options: Options, given: ExternalServices, environ: Mapping[str, str]
) -> dict[str, str]:
    """The user's environment, without what would lead clients away from servers of ours."""
    ours = [] if given.temporal is not None else ["TEMPORAL_"]
    ours += [] if given.all_databases(split=options.split) else ["PG"]
    kept = {variable: environ[variable] for variable in VERSION if variable in environ}
    others = {
        variable: value
        for variable, value in environ.items()
        if not variable.startswith(tuple(ours))
    }
    return others | kept


def _choose_issuer(
    options: Options, given: ExternalServices, environ: Mapping[str, str]
) -> dict[str, str]:
    ours = signing_keys.environment(StateDir(options.state_dir))
    return {name: environ[name] for name in ours} if given.issuer else ours


def _locate_temporal(options: Options, given: ExternalServices) -> dict[str, str]:
    if given.temporal is not None:
        return {"TEMPORAL_ADDRESS": given.temporal}
    return {
        "TEMPORAL_ADDRESS": f"{HOST}:{options.ports.temporal}",
        "TEMPORAL_NAMESPACE": "default",
        "TEMPORAL_UI_URL": f"http://{HOST}:{options.ports.temporal_ui}",
        # A profile of the user's would send us, and their API key, elsewhere.
        "TEMPORAL_CONFIG_FILE": os.devnull,
    }
