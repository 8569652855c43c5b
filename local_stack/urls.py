"""Where a person finds the parts of a running stack. Never a password."""

from collections.abc import Mapping
from urllib.parse import urlsplit, urlunsplit

from contracts.names import DATABASES, SERVICES
from local_stack.options import HOST, ExternalServices, Options, database_variable


def urls(
    options: Options, given: ExternalServices, environment: Mapping[str, str]
) -> dict[str, str]:
    """The table of `saga up`: name and URL, most useful first."""
    ports, api = options.ports, f"http://{HOST}:{options.ports.api}"
    table = {"gateway": f"http://{HOST}:{ports.gateway}"} if options.gateway else {}
    table |= {"api": api, "console": f"{api}/console", "docs": f"{api}/docs"}
    if given.temporal is None:
        table["temporal_ui"] = f"http://{HOST}:{ports.temporal_ui}"
    if options.encrypt:
        table["codec"] = f"http://{HOST}:{ports.codec}"
    table["temporal"] = environment["TEMPORAL_ADDRESS"]
    table["provider"] = without_password(environment["PAYMENT_PROVIDER_URL"])
    if options.split:
        table |= {f"{owner}_service": f"http://{HOST}:{ports.service(owner)}" for owner in SERVICES}
    if options.gateway:
        table["gateway_metrics"] = f"http://{HOST}:{ports.metrics_base}/metrics"
    for n in range(1, options.workers + 1):
        table[f"worker-{n}_metrics"] = f"http://{HOST}:{ports.metrics_base + n}/metrics"
    if not options.separate:
        own = ports.metrics_of_api(options.workers)
        table["api_metrics"] = f"http://{HOST}:{own}/metrics"
    for service in DATABASES:
        table[f"{service}_database"] = without_password(environment[database_variable(service)])
    return table


def without_password(url: str) -> str:
    """The same URL, for eyes other than ours."""
    parts = urlsplit(url)
    who = f"{parts.username}@" if parts.username else ""
    place = parts.netloc.rpartition("@")[2]
    return urlunsplit((parts.scheme, who + place, parts.path, "", ""))
