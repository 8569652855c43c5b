"""`docs/payments.md` has every state of a payment, and every request that the provider gets."""

import re

from contracts.payments import PaymentStatus
from infrastructure.settings import ProviderSettings
from services.payment.provider.client import API_VERSION
from services.payment.reconciliation import MOST_REFUNDS
from tests.docs.markdown import ROOT, prose, rows_below
from tests.services.payment.published_api import CALLS, VERSION
from workflows.place_order import PLACE_ORDER

PAGE = ROOT / "docs/payments.md"
PERMISSION = re.compile(r"(PaymentIntents|Charges and Refunds): (read|write)")
NUMBERS = {3: "three", 5: "five"}


def test_every_state_of_a_payment_has_a_row() -> None:
    named = [row[0].strip("`") for row in rows_below(PAGE, "How money moves")]
    assert sorted(named) == sorted(PaymentStatus)


def test_every_request_has_a_row_and_its_permission() -> None:
    permissions = {}
    for request, _, needed in rows_below(PAGE, "What is asked of the provider"):
        method, _, path = request.strip("`").partition(" ")
        permissions[(method, path)] = set(PERMISSION.findall(needed))
    assert set(permissions) == set(CALLS)
    for (method, path), allowed in permissions.items():
        its = "Charges and Refunds" if "refunds" in path else "PaymentIntents"
        assert (its, "write" if method == "POST" else "read") in allowed, path
        if method == "GET":  # each of them has the charge expanded
            assert ("Charges and Refunds", "read") in allowed, path


def test_the_key_that_the_page_asks_for_may_do_all_of_it() -> None:
    asked = prose(PAGE).partition("restricted key](")[2].partition("\n2. ")[0].replace("\n", " ")
    granted = {" ".join(its.split()) for its, _ in re.findall(r"\*?([A-Z][\w\s]+): (write)", asked)}
    assert granted == {
        its
        for row in rows_below(PAGE, "What is asked of the provider")
        for its, _ in PERMISSION.findall(row[2])
    }


def test_the_figures_are_those_of_the_code() -> None:
    text = " ".join(prose(PAGE).split())
    timeout = ProviderSettings.model_fields["payment_provider_timeout"].default
    assert f"`PAYMENT_PROVIDER_TIMEOUT` ({timeout:g} s)" in text
    assert f"{NUMBERS[MOST_REFUNDS]} times at most" in text
    charge = next(step for step in PLACE_ORDER if step.name == "charge_payment")
    minutes = NUMBERS[int(charge.patience.total_seconds() // 60)]
    assert f"after {minutes} minutes the order is undone" in text
    assert API_VERSION == VERSION
