"""The manifests: rendered by kubectl, valid by Kubernetes' own schemas, and as our policies ask."""

import copy
import shutil
from pathlib import Path

import jsonschema
import kubernetes_validate
import pytest
import yaml

from contracts.names import SERVICES, Queue
from tests.deploy import crds, placing, rule
from tests.deploy.composed import ROOT
from tests.deploy.rendered import OVERLAYS, Object, named, of_kind, render

VERSION = "1.37"
NOT_KUBERNETES = ("keda.sh/", "gateway.networking.k8s.io/", "monitoring.coreos.com/")


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_objects_are_valid_by_kubernetes_own_schemas(
    rendered: dict[str, list[Object]], overlay: str
) -> None:
    checked = [
        resource
        for resource in rendered[overlay]
        if not resource["apiVersion"].startswith(NOT_KUBERNETES)
    ]
    assert len(checked) >= 55
    for row in checked:
        kubernetes_validate.validate(row, VERSION, strict=True)


def test_an_invalid_object_is_noticed(rendered: dict[str, list[Object]]) -> None:
    wrong = copy.deepcopy(named(rendered["local"], "Deployment")["api"])
    wrong["spec"]["template"]["spec"]["containers"][0]["livenesProbe"] = {}
    with pytest.raises(kubernetes_validate.ValidationError):
        kubernetes_validate.validate(wrong, VERSION, strict=True)


def test_resources_of_others_are_valid_by_their_own_schemas(
    rendered: dict[str, list[Object]],
) -> None:
    checked = [
        item for item in rendered["production"] if item["apiVersion"].startswith(NOT_KUBERNETES)
    ]
    assert {row["kind"] for row in checked} == set(crds.SOURCES)
    for row in checked:
        crds.validate(row)


@pytest.mark.parametrize("kind", crds.SOURCES)
def test_an_invalid_resource_of_others_is_noticed(
    rendered: dict[str, list[Object]], kind: str
) -> None:
    """A field that there is not, and one of another type."""
    right = of_kind(rendered["production"], kind)[0]
    for wrong in ({"noSuchField": 1}, {name: object() for name in right["spec"]}):
        with pytest.raises(jsonschema.ValidationError):
            crds.validate(right | {"spec": right["spec"] | wrong})


def test_alerts_are_those_of_prometheus(rendered: dict[str, list[Object]]) -> None:
    """Else: python -m tests.deploy.rule"""
    found = named(rendered["production"], "PrometheusRule")["order-saga"]
    assert found["spec"] == rule.alerts()


def test_dashboards_are_those_of_grafana(rendered: dict[str, list[Object]]) -> None:
    for objects in rendered.values():
        found = named(objects, "ConfigMap")["order-saga-dashboards"]
        assert found["metadata"]["labels"] == {"grafana_dashboard": "1"}
        there = {path.name: path.read_text() for path in (ROOT / "deploy/grafana").glob("*.json")}
        assert found["data"] == there


def test_what_compose_watches_is_watched_here(rendered: dict[str, list[Object]]) -> None:
    """Every process that serves metrics is selected by a monitor."""
    objects = rendered["production"]
    monitored = {
        value
        for resource in of_kind(objects, "PodMonitor")
        for value in _selected(resource["spec"]["selector"])
    }
    kinds = {
        deployment["metadata"]["labels"]["app.kubernetes.io/component"]
        for deployment in _deployments(objects)
    }
    by_service = {"api", "service"}  # by the ServiceMonitor, which selects their Services
    assert kinds - by_service - {"codec"} == monitored
    (monitor,) = of_kind(objects, "ServiceMonitor")
    labels = monitor["spec"]["selector"]["matchLabels"].items()
    watched = {
        n
        for n, item in named(objects, "Service").items()
        if labels <= item["metadata"]["labels"].items()
    }
    assert watched == {"api", *SERVICES}


def _selected(selector: Object) -> set[str]:
    chosen = set(selector.get("matchLabels", {}).values())
    return chosen | {
        value for one in selector.get("matchExpressions", []) for value in one["values"]
    }


def _deployments(objects: list[Object]) -> list[Object]:
    return of_kind(objects, "Deployment")


def test_what_is_selected_is_there(rendered: dict[str, list[Object]]) -> None:
    """Services, autoscalers and scalers name Deployments that there are."""
    for objects in rendered.values():
        deployments = named(objects, "Deployment")
        for resource in of_kind(objects, "HorizontalPodAutoscaler", "ScaledObject"):
            assert resource["spec"]["scaleTargetRef"]["name"] in deployments
        for resource in of_kind(objects, "Service"):
            labels = deployments[resource["metadata"]["name"]]["spec"]["template"]["metadata"][
                "labels"
            ]
            assert resource["spec"]["selector"].items() <= labels.items()


def test_local_needs_nothing_but_kubernetes(rendered: dict[str, list[Object]]) -> None:
    assert not [item for item in rendered["local"] if item["apiVersion"].startswith(NOT_KUBERNETES)]


SCALE_BY_CPU = "  - ../../components/scale-by-cpu\n"


def copy_overlay(folder: Path) -> Path:
    """All manifests, there to be changed; of the copied `production`, the kustomization."""
    for name in ("kubernetes", "grafana"):
        shutil.copytree(ROOT / "deploy" / name, folder / name)
    return folder / "kubernetes/overlays/production/kustomization.yaml"


def test_what_differs_from_place_to_place_is_in_one(tmp_path: Path) -> None:
    """Each value is used, and nothing but the image is left of the example's."""
    values = copy_overlay(tmp_path).with_name("values.yaml")
    document = yaml.safe_load(values.read_text())
    document["data"] = {name: f"{name}.yours" for name in document["data"]}
    values.write_text(yaml.safe_dump(document))
    objects = render("production", tmp_path / "kubernetes/overlays")
    text = yaml.safe_dump_all(objects).replace("registry.example.com", "")
    assert "example" not in text
    assert {name for name in document["data"] if f"{name}.yours" not in text} == set()
    assert "values" not in named(objects, "ConfigMap")


def test_encryption_can_be_left_out(tmp_path: Path) -> None:
    """With the names of its listener, as the overlay says."""
    overlay = copy_overlay(tmp_path)
    text = overlay.read_text().partition("  # Of the component encryption")[0]
    lines = [line for line in text.splitlines() if "components/encryption" not in line]
    overlay.write_text("\n".join(lines))
    assert "codec" not in named(
        render("production", tmp_path / "kubernetes/overlays"), "Deployment"
    )


def test_workers_are_scaled_without_keda(tmp_path: Path) -> None:
    """By the component `scale-by-cpu`, in a copy of the overlay as its user makes it."""
    overlay = copy_overlay(tmp_path)
    text = overlay.read_text()
    overlay.write_text(text.replace("components:\n", f"components:\n{SCALE_BY_CPU}"))
    objects = render("production", tmp_path / "kubernetes/overlays")
    assert not [item for item in objects if item["apiVersion"].startswith("keda.sh/")]
    assert list(placing.in_namespace(objects)) == []
    scalers = named(objects, "HorizontalPodAutoscaler")
    for queue in Queue:
        spec = scalers[f"worker-{queue}"]["spec"]
        kubernetes_validate.validate(scalers[f"worker-{queue}"], VERSION, strict=True)
        assert spec["scaleTargetRef"]["name"] == f"worker-{queue}"
        assert spec["minReplicas"] >= 2  # of one, a disruption budget would let go
