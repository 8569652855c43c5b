"""`python -m tests.deploy.rule`: writes the PrometheusRule anew, of deploy/prometheus/alerts.yml.

Kustomize cannot put one file into another, so it is made here, and a test sees that it is the same.
"""

from typing import Any

import yaml

from tests.deploy.composed import ROOT

ALERTS = ROOT / "deploy/prometheus/alerts.yml"
RULE = ROOT / "deploy/kubernetes/base/prometheus-rule.yaml"
HEADER = (
    "# Made of deploy/prometheus/alerts.yml by `python -m tests.deploy.rule`: change that one.\n"
)


def alerts() -> dict[str, Any]:
    """The alerts as Prometheus reads them."""
    found: dict[str, Any] = yaml.safe_load(ALERTS.read_text())
    return found


def rule() -> dict[str, Any]:
    """The same, as the Prometheus operator has it."""
    return {
        "apiVersion": "monitoring.coreos.com/v1",
        "kind": "PrometheusRule",
        "metadata": {"name": "order-saga"},
        "spec": alerts(),
    }


if __name__ == "__main__":
    RULE.write_text(HEADER + yaml.safe_dump(rule(), sort_keys=False, width=100))
