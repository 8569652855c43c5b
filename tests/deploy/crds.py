"""Schemas of other people's resources: KEDA's, the Gateway API's and the Prometheus operator's.

`tests/deploy/crds/` has those that the manifests use, as their projects publish them, without
descriptions; its README names source, version and licence. `python -m tests.deploy.crds FOLDER`
writes them anew, from the Go modules in FOLDER (`go env GOMODCACHE`). Rules in CEL
(`x-kubernetes-validations`) are left out: only an API server runs them.
"""

import json
import sys
from pathlib import Path
from typing import Any

import jsonschema
import yaml

from tests.deploy.rendered import Object

FOLDER = Path(__file__).parent / "crds"
KEDA = "github.com/kedacore/keda/v2@v2.18.0/config/crd/bases/keda.sh_"
GATEWAY = "sigs.k8s.io/gateway-api@v1.4.1/config/crd/standard/gateway.networking.k8s.io_"
OPERATOR = (
    "github.com/prometheus-operator/prometheus-operator@v0.85.0/example/prometheus-operator-crd/"
    "monitoring.coreos.com_"
)
SOURCES = {
    "Gateway": f"{GATEWAY}gateways.yaml",
    "HTTPRoute": f"{GATEWAY}httproutes.yaml",
    "PodMonitor": f"{OPERATOR}podmonitors.yaml",
    "PrometheusRule": f"{OPERATOR}prometheusrules.yaml",
    "ScaledObject": f"{KEDA}scaledobjects.yaml",
    "ServiceMonitor": f"{OPERATOR}servicemonitors.yaml",
    "TriggerAuthentication": f"{KEDA}triggerauthentications.yaml",
}
LEFT_OUT = {"description", "x-kubernetes-validations"}
Schema = dict[str, Any]


def validate(thing: Object) -> None:
    """jsonschema.ValidationError, if it is not what its schema says, or has a field too many."""
    kept = json.loads((FOLDER / f"{thing['kind']}.json").read_text())
    assert thing["apiVersion"] == kept["apiVersion"]
    jsonschema.Draft202012Validator(_closed(kept["schema"])).validate(thing)


def _closed(schema: Any) -> Any:
    """The same, which takes no field that it does not name; an API server would drop it."""
    if isinstance(schema, list):
        return [_closed(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    found = {name: _closed(item) for name, item in schema.items()}
    if isinstance(schema.get("properties"), dict) and schema.get("type") == "object":
        found["additionalProperties"] = bool(schema.get("x-kubernetes-preserve-unknown-fields"))
    return found


def _without_words(schema: Any) -> Any:
    """Without texts for people: a `description` that is a text, not a field of that name."""
    if isinstance(schema, list):
        return [_without_words(item) for item in schema]
    if not isinstance(schema, dict):
        return schema
    return {
        name: _without_words(item)
        for name, item in schema.items()
        if name not in LEFT_OUT or isinstance(item, dict)
    }


def write(modules: Path) -> None:
    """Of each kind, the schema of its stored version."""
    for kind, source in SOURCES.items():
        crd = yaml.safe_load((modules / source).read_text())["spec"]
        assert crd["names"]["kind"] == kind
        version = next(item for item in crd["versions"] if item["storage"])
        kept = {
            "apiVersion": f"{crd['group']}/{version['name']}",
            "schema": _without_words(version["schema"]["openAPIV3Schema"]),
        }
        text = json.dumps(kept, separators=(",", ":"), sort_keys=True)
        (FOLDER / f"{kind}.json").write_text(text + "\n")


if __name__ == "__main__":
    write(Path(sys.argv[1]))
