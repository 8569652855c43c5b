"""What network policies let through, by their documentation; no plug-in is asked."""

import ipaddress
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field

from tests.deploy.rendered import Faults, Object, of_kind

NAME = "kubernetes.io/metadata.name"


@dataclass(frozen=True)
class Place:
    """A pod, by its labels and its namespace's; or an address, which no policy is about."""

    name: str
    listens: frozenset[int] = frozenset()
    namespace: str = ""
    labels: Mapping[str, str] = field(default_factory=dict)
    of_namespace: Mapping[str, str] = field(default_factory=dict)
    names: Mapping[str, int] = field(default_factory=dict)  # of ports
    address: str = ""


def is_allowed(policies: list[Object], source: Place, target: Place, port: int) -> bool:
    """Whether both ends let it through: who has no policy for a direction lets everything."""
    return all(
        _lets(policies, who, direction, other, (target, port))
        for who, direction, other in ((source, "Egress", target), (target, "Ingress", source))
    )


def _lets(
    policies: list[Object], who: Place, direction: str, other: Place, to: tuple[Place, int]
) -> bool:
    about = [
        policy
        for policy in policies
        if who.namespace == policy["metadata"].get("namespace", "default")
        and direction in policy["spec"]["policyTypes"]
        and selects(policy["spec"]["podSelector"], who.labels)
    ]
    return not about or any(
        _is_peer(rule, direction, other, who.namespace) and _is_port(rule, *to)
        for policy in about
        for rule in policy["spec"].get(direction.lower(), [])
    )


def _is_peer(rule: Object, direction: str, other: Place, namespace: str) -> bool:
    peers = rule.get("to" if direction == "Egress" else "from")
    return not peers or any(_fits(peer, other, namespace) for peer in peers)


def _fits(peer: Object, other: Place, namespace: str) -> bool:
    if block := peer.get("ipBlock"):
        return bool(other.address) and _is_within(block, other.address)
    if other.address:
        return False
    if "namespaceSelector" in peer:
        near = selects(peer["namespaceSelector"], other.of_namespace)
    else:
        near = other.namespace == namespace
    return near and selects(peer.get("podSelector", {}), other.labels)


def _is_within(block: Object, text: str) -> bool:
    address = ipaddress.ip_address(text)
    spared = map(ipaddress.ip_network, block.get("except", []))
    return address in ipaddress.ip_network(block["cidr"]) and not any(
        address in network for network in spared
    )


def _is_port(rule: Object, target: Place, port: int) -> bool:
    for item in rule.get("ports", [{}]):
        first = item.get("port")
        first = target.names.get(first) if isinstance(first, str) else first
        if "port" not in item or (first and first <= port <= item.get("endPort", first)):
            return True
    return False


def selects(selector: Object, labels: Mapping[str, str]) -> bool:
    """A label selector; of expressions, those by `In`, which are all that we have."""
    chosen = [
        (item["key"], set(item["values"]))
        for item in selector.get("matchExpressions", [])
        if item["operator"] == "In"
    ]
    assert len(chosen) == len(selector.get("matchExpressions", []))
    wanted = [(key, {value}) for key, value in selector.get("matchLabels", {}).items()]
    return all(labels.get(key) in values for key, values in (*chosen, *wanted))


def blocks_are_sound(objects: list[Object]) -> Faults:
    """What is spared of a block is a part of it, of its family: else no API server takes it."""
    for who, block in _blocks(objects):
        try:
            networks = [ipaddress.ip_network(text) for text in (block["cidr"], *block["except"])]
        except ValueError as error:
            yield f"{who}: {error}"
            continue
        whole, *spared = networks
        for part in spared:
            if part.version != whole.version or part == whole or not part.subnet_of(whole):  # type: ignore[arg-type]
                yield f"{who}: {part} is no part of {whole}"
        for network in networks:
            if getattr(network.network_address, "ipv4_mapped", None):
                yield f"{who}: {network} is of the other family, in disguise"


def _blocks(objects: list[Object]) -> Iterator[tuple[str, Object]]:
    for policy in of_kind(objects, "NetworkPolicy"):
        rules = (*policy["spec"].get("ingress", []), *policy["spec"].get("egress", []))
        for peer in (item for rule in rules for item in rule.get("to", rule.get("from", []))):
            if "ipBlock" in peer:
                yield policy["metadata"]["name"], {"except": [], **peer["ipBlock"]}
