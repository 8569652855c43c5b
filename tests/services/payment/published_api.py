"""Facts of Stripe's published API description on the calls that we make.

Source: https://github.com/stripe/openapi, `latest/openapi.spec3.json` of the version below: of each
call those of its parameters that we use, which of them must be there, and what they hold. It takes
no other parameters than those of its description (`additionalProperties: false`).
"""

import re
from collections.abc import Mapping
from typing import NamedTuple

VERSION = "2026-09-30.endive"
LONGEST_KEY = 255  # characters of an idempotency key, as the page on idempotent requests has it

INTEGER = r"-?\d+"
BOOLEAN = "true|false"
CURRENCY = "[a-z]{3}"
TEXT = r"(?s:.{1,5000})"
LIMIT = r"[1-9]\d?|100"
EACH = r"\[\d+\]"  # of a list
ANY_NAME = r"\[[^\]]+\]"  # of a map
PAGING = {"limit": LIMIT, "starting_after": TEXT}
CREATED = {rf"created\[{bound}\]": INTEGER for bound in ("gt", "gte", "lt", "lte")}


class Call(NamedTuple):
    """What a call takes: values by the form of their names, and the names that must be there."""

    parameters: Mapping[str, str]
    required: frozenset[str] = frozenset()
    expandable: frozenset[str] = frozenset()


INTENT, REFUND = frozenset({"latest_charge"}), frozenset({"charge"})
INTENTS, REFUNDS = "/v1/payment_intents", "/v1/refunds"
CALLS = {
    ("POST", INTENTS): Call(
        {
            "amount": INTEGER,
            "currency": CURRENCY,
            "payment_method": TEXT,
            f"allowed_payment_method_types{EACH}": "card",
            f"metadata{ANY_NAME}": TEXT,
        },
        frozenset({"amount", "currency"}),
        INTENT,
    ),
    ("POST", f"{INTENTS}/{{intent}}/confirm"): Call(
        {"error_on_requires_action": BOOLEAN, "return_url": TEXT}, expandable=INTENT
    ),
    ("POST", f"{INTENTS}/{{intent}}/cancel"): Call({}, expandable=INTENT),
    ("GET", f"{INTENTS}/{{intent}}"): Call({}, expandable=INTENT),
    ("GET", INTENTS): Call(PAGING | CREATED, expandable=frozenset({"data.latest_charge"})),
    ("POST", REFUNDS): Call({"payment_intent": TEXT}, expandable=REFUND),
    ("GET", REFUNDS): Call(
        PAGING | CREATED | {"payment_intent": TEXT}, expandable=frozenset({"data.charge"})
    ),
}


def call_of(method: str, path: str) -> tuple[str, str]:
    """Which call a request is; its path has the intent's id in it."""
    return method, re.sub(rf"^{INTENTS}/pi_[^/]+", f"{INTENTS}/{{intent}}", path)


def find_faults(call: Call, given: Mapping[str, str]) -> list[str]:
    """What of these parameters the description does not allow, and what is missing."""
    known = {**call.parameters, f"expand{EACH}": "|".join(map(re.escape, call.expandable))}
    faults = [f"{name} is missing" for name in sorted(call.required - given.keys())]
    for name, value in given.items():
        form = next((known[form] for form in known if re.fullmatch(form, name)), None)
        if form is None:
            faults.append(f"{name} is no parameter")
        elif not re.fullmatch(form, value):
            faults.append(f"{name} must not be {value!r}")
    return faults
