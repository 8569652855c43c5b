"""The local stack's own signing key: made once, kept for us alone, and the tokens that it signs.

It is worth nothing elsewhere: no other API has its public half.
"""

import getpass
import os
from datetime import timedelta

from infrastructure.security.access_tokens import Issuer
from infrastructure.security.signing_keys import SigningKey
from local_stack.errors import StackError
from local_stack.state_dir import StateDir, write_private

ISSUER = "urn:order-saga:local"
AUDIENCE = "order-saga-api"
BETWEEN_SERVICES = "urn:order-saga:local-services"


def load_or_make(layout: StateDir) -> Issuer:
    """The issuer of this stack, whose key is made where there is none.

    Its public half is written beside it, for the API. StackError if the key is unreadable.
    """
    if not layout.signing_key.exists():
        write_private(layout.signing_key, SigningKey.generate().pem)
    issuer = load(layout)
    write_private(layout.jwks, issuer.key.jwks)
    return issuer


def make_service_key(layout: StateDir) -> None:
    """A key for tokens between services, new with each start: none of them outlives a minute.

    Callers read the key, services its public half.
    """
    key = SigningKey.generate()
    write_private(layout.service_key, key.pem)
    write_private(layout.service_jwks, key.jwks)


def load(layout: StateDir) -> Issuer:
    """The issuer of this stack. StackError if it has none."""
    path = layout.signing_key
    try:
        return Issuer(ISSUER, SigningKey.from_pem(path.read_bytes()))
    except FileNotFoundError:
        raise StackError(
            f"there is no key to sign tokens with in {path.parent}: run `saga up`, "
            "or set SAGA_TOKEN to a token of the API's issuer"
        ) from None
    except (OSError, ValueError) as error:
        who = "root" if os.geteuid() == 0 else "you"
        raise StackError(
            f"{path} cannot be read by {who} ({error.__class__.__name__}): run `saga` as the "
            "user who made it, or delete it and run `saga up` again"
        ) from error


def operators_token(issuer: Issuer, lifetime: timedelta) -> str:
    """A token of whoever runs this: on their own stack, they are an operator."""
    return issuer.mint(AUDIENCE, username(), ["operator"], lifetime)


def username() -> str:
    """Who runs this; their number, where the system has no name for them."""
    try:
        return getpass.getuser()
    except (KeyError, OSError):
        return f"uid-{os.getuid()}"


def environment(layout: StateDir) -> dict[str, str]:
    """What has an API trust this issuer."""
    return {
        "API_AUTH_ISSUER": ISSUER,
        "API_AUTH_AUDIENCE": AUDIENCE,
        "API_AUTH_JWKS": str(layout.jwks),
    }
