"""What each process of the manifests runs, and what it is given, as it would find it."""

from collections.abc import Mapping
from pathlib import Path

from contracts.names import SERVICES, Queue
from tests.deploy.rendered import Object, named, pods

# By Deployment, the program that it runs.
RUNS: Mapping[str, str] = {
    "api": "saga-api",
    **{f"worker-{queue}": "saga-worker" for queue in Queue},
    **{service: f"saga-service-{service}" for service in SERVICES},
    "relay": "saga-relay",
    "webhooks": "saga-webhooks",
    "codec": "saga-codec-server",
}
_BY_URL = "services are called by their URLs"
_FILE = "the file is set instead, which is read again when it changes"
# Not set, and rightly so.
SAFE: Mapping[str, str] = {
    **{f"{service}_DATABASE_URL": _BY_URL for service in map(str.upper, SERVICES)},
    "API_AUTH_LEEWAY": "clocks of a cluster are kept",
    "API_AUTH_MAX_TOKEN_BYTES": "as large as issuers make them",
    "CONSOLE_DEMO_ORDERS": "it is off: orders are real",
    "CONSOLE_REPORTS": "there are none in the image",
    "API_HANDBOOK": "there is none in the image",
    "CONSOLE_METRICS": "pods come and go; Prometheus finds them",
    "CONSOLE_ENVOY": "there is none between services",
    "AUTHENTICATE_WITHIN": "15 minutes are what most shops want",
    "PAYMENT_RETURN_URL": "a page of the shop's, which we do not know; cards that ask are declined",
    "MOST_OPEN_SAGAS": "measured; more of it is a matter of size",
    "OTEL_SDK_DISABLED": "it is off without a collector",
    "OTEL_SERVICE_NAME": "each process has a name of its own",
    "OTEL_TRACES_EXPORTER": "it is off without a collector",
    "OTEL_EXPORTER_OTLP_TRACES_ENDPOINT": "the other variable is set",
    "PAYLOAD_KEYS": _FILE,
    "USER_KEYS": _FILE,
    "PAYMENT_PROVIDER_TIMEOUT": "it fits the attempts' time-outs",
    "REGISTRY_DATABASE_URL": "Kubernetes has names for instances",
    "SAGA_SPANS": "a folder of the local stack",
    "SERVICE_TLS_CERTIFICATE": "an option, docs/deploying.md",
    "SERVICE_TLS_KEY": "an option, docs/deploying.md",
    "SERVICE_TLS_AUTHORITIES": "an option, docs/deploying.md",
    "TEMPORAL_DEPLOYMENT_NAME": "an option, docs/rollout.md",
    "TEMPORAL_WORKER_BUILD_ID": "an option, docs/rollout.md",
}
SECRETS = {
    "url": "postgresql://role:password@host/database",
    "key": "sk_test_key",
    "api-key": "a-key",
}


def environment(objects: list[Object], name: str, run: Path) -> dict[str, str]:
    """What this process finds: secrets are made up, and what is in /run is in this folder."""
    found = dict(named(objects, "ConfigMap")["order-saga"]["data"])
    template = next(pod for who, pod in pods(objects) if who == f"Deployment {name}")
    for item in template["spec"]["containers"][0].get("env", []):
        found[item["name"]] = item["value"] if "value" in item else _secret(item["valueFrom"])
    return {key: value.replace("/run/", f"{run}/", 1) for key, value in found.items()}


def _secret(source: Object) -> str:
    reference = source["secretKeyRef"]
    if reference["name"] == "event-bus":
        return "nats://nats:4222"
    if reference["name"] == "payment-provider" and reference["key"] == "url":
        return "https://api.stripe.com"
    return SECRETS[reference["key"]]
