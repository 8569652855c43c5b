"""What the files for Prometheus and Grafana read: alerts, and the names of metrics in PromQL.

Not a parser of YAML or PromQL, only of what these files hold; `promtool` judges the syntax.
"""

import json
import re
from pathlib import Path
from typing import NamedTuple

ROOT = Path(__file__).parents[2]
ALERTS = ROOT / "deploy/prometheus/alerts.yml"
DASHBOARDS = sorted((ROOT / "deploy/grafana").glob("*.json"))
WORDS = {"sum", "max", "min", "rate", "increase", "histogram_quantile", "or"}
MADE_BY_PROMETHEUS = {"up"}
NOT_NAMES = re.compile(r"\{[^}]*\}|\[[^\]]*\]|\bby\s*\([^)]*\)")
NAME = re.compile(r"\b[a-z_][a-z0-9_:]*\b")
RULE = re.compile(
    r"- alert: (?P<name>\w+)\n\s+expr: (?:>-\n)?(?P<expression>(?:.+\n)+?)\s+(?:for|labels): "
    r"(?:.+\n)+?\s+runbook: (?P<runbook>\S+)"
)


OF_KINDS = re.compile(
    r'max(?: by \(kind\))? ?\(saga_in_trouble\{kind=~?"(?P<kinds>[a-z_|]+)"\}\) > 0'
)


class Alert(NamedTuple):
    """A rule, and the page that tells what to do."""

    name: str
    expression: str
    runbook: Path

    @property
    def kinds(self) -> set[str]:
        """The kinds of trouble of which one saga is enough; none if it is for something else."""
        found = OF_KINDS.fullmatch(self.expression.strip())
        assert found or "saga_in_trouble" not in self.expression, f"{self.name} is not understood"
        return set(found["kinds"].split("|")) if found else set()


def metrics(expression: str) -> set[str]:
    """Those that an expression reads from processes."""
    return set(NAME.findall(NOT_NAMES.sub(" ", expression))) - WORDS - MADE_BY_PROMETHEUS


def alerts() -> list[Alert]:
    """All rules. AssertionError if one was not understood."""
    text = ALERTS.read_text()
    found = [
        Alert(item["name"], item["expression"], ROOT / item["runbook"])
        for item in RULE.finditer(text)
    ]
    assert len(found) == text.count("- alert:")
    return found


def read_by_deployments() -> set[str]:
    """All metrics that alerts and dashboards read."""
    expressions = [alert.expression for alert in alerts()]
    for board in DASHBOARDS:
        for panel in json.loads(board.read_text())["panels"]:
            expressions += [target["expr"] for target in panel["targets"]]
    return {name for expression in expressions for name in metrics(expression)}
