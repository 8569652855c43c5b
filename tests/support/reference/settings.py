"""`docs/reference/settings.md`: every setting, by the classes that read them."""

from collections.abc import Iterator, Mapping, Sequence
from types import NoneType, UnionType
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import SecretStr
from pydantic.fields import FieldInfo
from pydantic_settings import BaseSettings

from contracts.names import SERVICES
from infrastructure.envoy.settings import PREFIX, GatewaySettings
from infrastructure.settings import (
    AnyDatabaseSettings,
    ProviderSettings,
    RegistrySettings,
    UserKeySettings,
)
from services import envoy_discovery
from tests.deploy.kinds import READ
from tests.support.reference.environment import OTHERS, Setting
from tests.support.reference.markdown import code, table

HEAD = """\
# Settings

Every setting is a variable of the environment. It is read once, when a process starts; a wrong
value ends the process with a message that names it. Programs are listed in
[Commands](commands.md#programs). `make reference` makes this page of the code.
"""
GROUPS: Mapping[str, str] = {
    "Databases": "_DATABASE_URL PGSSL",
    "Services": "_SERVICE_URL SERVICE_TLS_ _BALANCING",
    "Who is let in": "API_AUTH_ SERVICE_AUTH_",
    "Orders": "AUTHENTICATE_WITHIN FAST_PATH MOST_OPEN_SAGAS PAYMENT_PROVIDER_ PAYMENT_RETURN_URL",
    "Events and webhooks": "EVENT_BUS_URL WEBHOOK_",
    "Encryption": "PAYLOAD_ USER_KEYS",
    "Temporal": "TEMPORAL_",
    "Traces and logs": "OTEL_ SAGA_SPANS LOG_",
    "The gateway": PREFIX,
    "The console and the handbook": "CONSOLE_ API_HANDBOOK",
    "Commands and tools": "SAGA_ SANDBOX_",
}


IN_PROCESS = (ProviderSettings, UserKeySettings)  # where the services run in the same process
READ_BY: Mapping[str, tuple[type[BaseSettings], ...]] = {
    **READ,
    "saga-api": (*READ["saga-api"], *IN_PROCESS),
    "saga-worker": (*READ["saga-worker"], *IN_PROCESS),
    "saga-migrate": (AnyDatabaseSettings, RegistrySettings),
    "saga-discovery": (envoy_discovery.Settings,),
}
KINDS: Mapping[Any, str] = {bool: "`true`, `false`", SecretStr: "a secret"}


def page() -> str:
    """The whole page."""
    found = everything()
    sections = []
    placed: set[str] = set()
    for title, signs in GROUPS.items():
        here = [row for row in found if row.name not in placed and _fits(row.name, signs.split())]
        placed |= {setting.name for setting in here}
        sections.append(f"## {title}\n\n{_table(here)}")
    if left := {setting.name for setting in found} - placed:
        raise ValueError(f"no section for {sorted(left)}")
    return "\n".join([HEAD, *sections])


def everything() -> list[Setting]:
    """All settings, each once, by name."""
    found = {setting.name: setting for setting in [*_of_classes(), *_of_gateway(), *OTHERS]}
    return [found[name] for name in sorted(found)]


def _fits(name: str, signs: Sequence[str]) -> bool:
    return any(name.startswith(sign) or name.endswith(sign) for sign in signs)


def _table(settings: Sequence[Setting]) -> str:
    rows = [
        (
            code(setting.name),
            setting.value,
            setting.default,
            _readers(setting.readers),
            setting.does,
        )
        for setting in settings
    ]
    return table(("setting", "value", "default", "read by", "what it does"), rows)


def _readers(programs: Sequence[str]) -> str:
    services = {f"saga-service-{service}" for service in SERVICES}
    shown = [code(program) for program in programs if program not in services]
    own = services & set(programs)
    shown += ["each service"] if own == services else [code(program) for program in sorted(own)]
    return ", ".join(shown)


def _of_classes() -> Iterator[Setting]:
    """Those that a class of settings declares, once for all programs that read them."""
    fields: dict[str, list[FieldInfo]] = {}
    readers: dict[str, list[str]] = {}
    for program, kinds in READ_BY.items():
        for name, field in (
            (name, item) for kind in kinds for name, item in kind.model_fields.items()
        ):
            fields.setdefault(name.upper(), []).append(field)
            if program not in readers.setdefault(name.upper(), []):
                readers[name.upper()].append(program)
    for name, declared in fields.items():
        yield _setting(name, declared, readers[name])


def _of_gateway() -> Iterator[Setting]:
    for name, field in GatewaySettings.model_fields.items():
        yield _setting(f"{PREFIX}{name.upper()}", [field], ["saga-gateway-config", "saga up"])


def _setting(name: str, declared: Sequence[FieldInfo], readers: Sequence[str]) -> Setting:
    """What several classes may declare: the first one's words, and required if it is to all."""
    field = declared[0]
    if not field.description:
        raise ValueError(f"{name} has no description")
    required = all(each.is_required() for each in declared)
    default = "required" if required else _default(field)
    return Setting(name, _value(name, field), default, tuple(readers), field.description)


def _value(name: str, field: FieldInfo) -> str:
    """What to write: a unit, choices, or what kind of text."""
    if isinstance(field.json_schema_extra, dict) and "unit" in field.json_schema_extra:
        return str(field.json_schema_extra["unit"])
    kind = _without_none(field.annotation)
    if get_origin(kind) is Literal:
        return ", ".join(code(str(choice)) for choice in get_args(kind))
    if kind in {int, float}:
        raise ValueError(f"{name} is a number without a unit")
    if kind is str and name.endswith(("_URL", "_ENDPOINT")):
        return "a URL"
    return KINDS.get(kind, "a file" if kind is not str else "text")


def _without_none(annotation: Any) -> Any:
    """The type of a value that is there."""
    if get_origin(annotation) in {Union, UnionType}:
        annotation = next(kind for kind in get_args(annotation) if kind is not NoneType)
    return get_args(annotation)[0] if get_origin(annotation) is Annotated else annotation


def _default(field: FieldInfo) -> str:
    if field.is_required() or field.default in {None, ""}:
        return "unset"
    if isinstance(field.default, bool):
        return code(str(field.default).lower())
    return code(f"{field.default:g}" if isinstance(field.default, float) else str(field.default))
