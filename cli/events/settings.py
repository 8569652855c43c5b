"""Where the databases and the bus are: as the environment says, or the stack that runs here."""

import os
from pathlib import Path
from typing import TYPE_CHECKING

from contracts.names import SERVICES
from local_stack.state import state_file
from local_stack.state.running_stacks import missing_stack
from local_stack.state_dir import find_state_dir

if TYPE_CHECKING:
    from infrastructure.settings import EventSettings

STATE_DIR = Path(".saga")


def order_database(state_dir: Path = STATE_DIR) -> str:
    """The URL of the order database. StackError if nothing says where it is."""
    from infrastructure.settings import with_driver  # noqa: PLC0415 - heavy

    return with_driver(_value("ORDER_DATABASE_URL", state_dir))


def service_databases(state_dir: Path = STATE_DIR) -> dict[str, str]:
    """The URLs of the services' databases that are known here. StackError if there is none."""
    from infrastructure.settings import with_driver  # noqa: PLC0415 - heavy

    known = _read_environment(state_dir)
    names = {service: f"{service.upper()}_DATABASE_URL" for service in SERVICES}
    urls = {each: with_driver(known[name]) for each, name in names.items() if known.get(name)}
    if not urls:
        raise missing_stack(state_dir, "set ORDER_DATABASE_URL and the others")
    return urls


def event_settings(state_dir: Path = STATE_DIR) -> "EventSettings":
    """The event database and the bus. StackError if nothing says where they are."""
    from infrastructure.settings import EventSettings  # noqa: PLC0415 - heavy

    found = {"event_database_url": _value("EVENT_DATABASE_URL", state_dir)}
    if bus := _read_environment(state_dir).get("EVENT_BUS_URL"):
        found["event_bus_url"] = bus
    return EventSettings.model_validate(found)


def _read_environment(state_dir: Path) -> dict[str, str]:
    stack = state_file.running(find_state_dir(state_dir))
    return (stack.environment if stack else {}) | dict(os.environ)


def _value(name: str, state_dir: Path) -> str:
    found = _read_environment(state_dir).get(name)
    if not found:
        raise missing_stack(state_dir, f"set {name}")
    return found
