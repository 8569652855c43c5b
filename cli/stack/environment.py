"""The environment of the stack's processes: where its parts are, and nothing that misleads."""

import os
from collections.abc import Mapping

from cli.stack import signing
from cli.stack.credentials import Credentials
from cli.stack.databases import OWNER
from cli.stack.files import StateDir
from cli.stack.options import HOST, Given, Options, database_variable


def of_the_stack(
    options: Options, given: Given, environ: Mapping[str, str], credentials: Credentials
) -> dict[str, str]:
    """What leads a program to the parts of this stack. Holds passwords."""
    ours = {"PYTHONUNBUFFERED": "1"}  # so that a log's last words are in it after a crash
    for service, role in OWNER.items():
        own = (
            f"postgresql://{role}:{credentials.roles[role]}@{HOST}:{options.ports.postgres}/{role}"
        )
        ours[database_variable(service)] = given.databases.get(service, own)
    if given.provider is None:
        ours["PAYMENT_PROVIDER_URL"] = f"http://{HOST}:{options.ports.provider}"
        ours["PAYMENT_PROVIDER_KEY"] = credentials.provider_key
    else:
        ours["PAYMENT_PROVIDER_URL"] = given.provider
        ours["PAYMENT_PROVIDER_KEY"] = environ["PAYMENT_PROVIDER_KEY"]
    return ours | _auth(options, given, environ) | _temporal(options, given)


def inherited(given: Given, environ: Mapping[str, str]) -> dict[str, str]:
    """The user's environment, without what would lead clients away from servers of ours."""
    ours = [] if given.temporal is not None else ["TEMPORAL_"]
    ours += [] if given.all_databases else ["PG"]
    return {name: value for name, value in environ.items() if not name.startswith(tuple(ours))}


def _auth(options: Options, given: Given, environ: Mapping[str, str]) -> dict[str, str]:
    ours = signing.environment(StateDir(options.state_dir))
    return {name: environ[name] for name in ours} if given.issuer else ours


def _temporal(options: Options, given: Given) -> dict[str, str]:
    if given.temporal is not None:
        return {"TEMPORAL_ADDRESS": given.temporal}
    return {
        "TEMPORAL_ADDRESS": f"{HOST}:{options.ports.temporal}",
        "TEMPORAL_NAMESPACE": "default",
        "TEMPORAL_UI_URL": f"http://{HOST}:{options.ports.temporal_ui}",
        # A profile of the user's would send us, and their API key, elsewhere.
        "TEMPORAL_CONFIG_FILE": os.devnull,
    }
