"""Who has which setting that opens something is one table, and holds wherever it runs.

Asked process by process and setting by setting: of the local stack, compose and the manifests.
"""

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

import pytest

from local_stack.options import ExternalServices, Options, Topology, database_variable
from local_stack.plan import make_plan
from local_stack.program_settings import CALLERS, CONFINED, PAYLOADS, PROGRAMS, REGISTRY, granted_to
from local_stack.programs import Programs
from local_stack.supervision.child import Child
from tests.deploy.composed import prepared, read
from tests.deploy.kinds import READ
from tests.deploy.reading import RUNS, environment
from tests.deploy.rendered import OVERLAYS, Object, pods, render
from tests.support.stack import remove_elsewhere

FILE, KEYS, MODE = PAYLOADS
SECRETS = CONFINED - {MODE}  # which is no secret: the manifests say it once, to all
# Beside its database, a service's instance is listed in a registry where nothing else knows names.
NAMED = {REGISTRY: "Docker's and Kubernetes' DNS know the instances"}
IN_COMPOSE = {FILE: "the keys are in KEYS", "USER_KEYS_FILE": "the keys are in USER_KEYS", **NAMED}
IN_MANIFESTS = {KEYS: "they are in a mounted file", "USER_KEYS": "likewise", **NAMED}
PLAIN = {FILE: "it is for trying out, and encrypts nothing", "USER_KEYS_FILE": "likewise"}
LOCALLY = {KEYS: "they are in a file of the state dir", "USER_KEYS": "likewise"}


def wanted(program: str, *arguments: str) -> frozenset[str]:
    """What the table grants; a migration has the one database that it is told to migrate."""
    if program == "saga-migrate":
        return frozenset(map(database_variable, arguments))
    return PROGRAMS[program]


def compare(given: Mapping[str, Any], granted: frozenset[str], left_out: Mapping[str, str]) -> None:
    """Each setting is there or not, as the table says; or left out for a reason."""
    has = {setting: setting in given for setting in SECRETS}
    assert has == {setting: setting in granted - left_out.keys() for setting in SECRETS}


def test_the_table_has_every_program_and_grants_none_what_it_does_not_read() -> None:
    assert READ.keys() <= PROGRAMS.keys()
    for program, kinds in READ.items():
        reads = {field.upper() for kind in kinds for field in kind.model_fields}
        assert not kinds or PROGRAMS[program] <= reads, program


def test_compose_gives_each_container_what_the_table_grants(tmp_path: Path) -> None:
    containers: dict[str, Any] = read(prepared(tmp_path))["services"]
    ours = [has for has in containers.values() if has["image"] == "order-saga:local"]
    assert {has["command"][0] for has in ours} == READ.keys()
    for has in ours:
        program, *arguments = has["command"]
        compare(has["environment"] or {}, wanted(program, *arguments), IN_COMPOSE)


def mounted(template: Object) -> Iterator[str]:
    for mount in template["spec"]["containers"][0].get("volumeMounts", []):
        yield mount["mountPath"]


@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_manifests_give_each_pod_what_the_table_grants(overlay: str) -> None:
    objects = render(overlay)
    templates = {who.partition(" ")[2]: pod for who, pod in pods(objects)}
    for process, program in RUNS.items():
        if process not in templates:
            assert (process, overlay) == ("codec", "local")
            continue
        folders = set(mounted(templates[process]))
        given = {
            name: value
            for name, value in environment(objects, process, Path("/run")).items()
            if not value.startswith("/run/") or str(Path(value).parent) in folders
        }
        compare(given, wanted(program), IN_MANIFESTS | (PLAIN if overlay == "local" else {}))


@pytest.mark.parametrize("topology", Topology)
def test_the_local_stack_gives_each_child_what_the_table_grants(
    tmp_path: Path, topology: Topology
) -> None:
    options = Options(tmp_path, topology=topology, encrypt=True)
    plan = make_plan(options, ExternalServices.by({}), {}, Programs())
    remove_elsewhere(tmp_path)
    children = [
        child
        for stage in plan.stages
        for lane in stage
        for child in lane
        if isinstance(child, Child)
    ]
    # Without services as processes, nobody signs tokens between them.
    left_out = LOCALLY if options.split else {**LOCALLY, CALLERS: "nobody calls a service"}
    programs = {Path(child.argv[0]).name for child in children} & PROGRAMS.keys()
    assert programs >= {"saga-api", "saga-worker", "saga-relay", "saga-webhooks", "saga-sandbox"}
    for child in children:
        program = Path(child.argv[0]).name
        compare(child.env, granted_to(program, split=options.split), left_out)
