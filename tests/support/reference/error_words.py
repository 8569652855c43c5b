"""What each code means, and what to do about it. The codes themselves are looked up in the code."""

from api.http.limits import (
    HEAD_TIMEOUT,
    MAX_BODY,
    MAX_DEPTH,
    MAX_HEADER_BYTES,
    MAX_HEADERS,
    MAX_URI,
)
from contracts.money.currencies import CURRENCIES

# Of a request that was refused: `code` of the problem document.
REQUESTS: dict[str, str] = {
    "already_resolved": "The step is being resolved by another request. Read the saga again.",
    "circuit_open": "A service is down and spared for now. Send the same request after "
    "`Retry-After`.",
    "content_too_large": f"The body is over {MAX_BODY // 1024} KiB. Send less.",
    "delivery_pending": "The delivery is still being tried. Wait for it.",
    "duplicate_key": "The JSON has a field twice. Send it once.",
    "evidence_missing": "`skip` and `mark_done` need `evidence`. Say how one can see that it is "
    "so.",
    "gateway_timeout": "What became of the request is not known. Send the same one again, with "
    "the same `Idempotency-Key`.",
    "headers_too_large": f"Over {MAX_HEADERS} headers, or {MAX_HEADER_BYTES // 1024} KiB of them. "
    "Send less.",
    "idempotency_key_invalid": "Send one `Idempotency-Key` of 1 to 255 printable ASCII characters.",
    "idempotency_key_missing": "Send an `Idempotency-Key`, new for each new order.",
    "idempotency_key_reused": "The key belongs to another body. Send the first body, or another "
    "key.",
    "insufficient_scope": "The token is good, and its scope does not allow this. Use another "
    "token.",
    "internal_error": "A bug. Tell the operator the `request_id`; the same request may be sent "
    "again.",
    "invalid_cursor": "Use the cursor, or the id of an event, as it was given.",
    "invalid_json": "The body is not valid JSON.",
    "invalid_token": "The token is expired, or not one that is accepted here. Get a new one.",
    "invalid_uri": "Path and query must not hold `%00`.",
    "malformed_request": "This is not HTTP/1.1 as RFC 9112 has it, or can be read in two ways.",
    "method_not_allowed": "The path has other methods; the header `Allow` names them.",
    "nested_too_deeply": f"The JSON is nested more than {MAX_DEPTH} deep.",
    "not_acceptable": "`Accept` excludes what there is. Ask for `application/json`, or for "
    "`text/event-stream` where there is a stream.",
    "not_found": "There is no such path.",
    "not_implemented": "Only `Transfer-Encoding: chunked` is understood.",
    "not_returnable": "Only a confirmed order can be returned.",
    "overloaded": "Too many orders are open, or too many requests are under way. Send the same "
    "request after `Retry-After`.",
    "precondition_failed": "The order has changed since the version of `If-Match`. Read it again.",
    "rate_limited": "Too many requests of this caller. Wait for `Retry-After`.",
    "refused": "The request is refused; `detail` says why.",
    "request_timeout": f"Headers or body took longer than {HEAD_TIMEOUT.total_seconds():g} s to "
    "arrive. Send the request again.",
    "retry_only": "This step takes `retry` only: nobody but the service knows the answer.",
    "saga_paused": "The workflow is paused. An operator must unpause it; see [Operating "
    "sagas](../operating.md#a-saga-that-does-not-answer).",
    "saga_terminated": "The workflow was ended from outside. The audit, or an operator, carries "
    "it on; see [An order was terminated](../runbooks/terminated.md).",
    "sku_exists": "There is a product with this SKU. Choose another.",
    "step_not_blocked": "The step, or the order's money, does not wait for an operator (any more). "
    "Read the saga again, or the order's story.",
    "token_missing": "Send `Authorization: Bearer …`; see [Authentication](../authentication.md).",
    "too_late_to_cancel": "The order is confirmed, or is about to be. Return it instead.",
    "too_many_webhooks": "The customer has as many webhooks as there may be. Remove one.",
    "unavailable": "Temporal, a database or a service is down. Send the same request after "
    "`Retry-After`.",
    "undecodable_input": "The workflow cannot read its input. An operator must help; see "
    "[Operating sagas](../operating.md#a-saga-that-does-not-answer).",
    "unfit_text": "The text cannot be stored (NUL, half a surrogate pair), or is too long.",
    "unknown_delivery": "The webhook has no such delivery.",
    "unknown_event_id": "The event is not on record, since a database was restored. Go on after "
    "the id in the header `Last-Event-ID`.",
    "unknown_order": "There is no such order, or it is another customer's.",
    "unknown_payment": "The order has no payment yet, or is another customer's.",
    "unknown_return": "No return of this order was begun.",
    "unknown_sku": "There is no such product.",
    "unknown_user": "There is no such user, or it is another one.",
    "unknown_webhook": "There is no such webhook, or it is another customer's.",
    "unsupported_media_type": "Send the body as `application/json`.",
    "upgrade_required": "Speak HTTP/1.1.",
    "uri_too_long": f"The URI is over {MAX_URI // 1024} KiB.",
    "validation_failed": "`errors` names each faulty field. Correct them.",
    "webhook_disabled": "Enable the webhook first.",
}

# Of one field of the body: `code` within `errors`.
FIELDS: dict[str, str] = {
    "invalid": "The value is none that is taken here; `detail` says why.",
    "missing": "The field must be there.",
    "mixed_currencies": "All items of an order must have one currency.",
    "not_a_multiple": "The payment provider takes this currency in steps only; `detail` names "
    "the step.",
    "not_one_of": "The value is none of those that there are; see OpenAPI.",
    "out_of_range": "The number is too small or too large.",
    "repeated_sku": "Give each SKU once, with the sum of its quantities.",
    "total_changed": "The prices make another sum than `expected_total`. Show the new one and ask "
    "again.",
    "unknown_field": "There is no such field; it may be misspelt.",
    "unknown_sku": "There is no such product.",
    "unknown_user": "There is no such customer.",
    "unsupported_currency": "The payment provider does not take this currency. It takes "
    f"{', '.join(sorted(CURRENCIES))}.",
    "url_not_usable": "The webhook's URL must be https, and public unless settings allow its "
    "network.",
    "wrong_form": "The text does not have the form of such a value; see OpenAPI.",
    "wrong_length": "The text or the list is too short or too long.",
    "wrong_type": "The value is of another type of JSON.",
}

# Why an order ended as it did: `reason.code` of the order.
REASONS: dict[str, str] = {
    "amount_not_a_multiple": "The payment provider takes this currency in steps only, and a "
    "product of an older release costs something between.",
    "amount_too_small": "There is nothing to charge.",
    "authentication_expired": "The customer has not authenticated the payment in time "
    "(`AUTHENTICATE_WITHIN`).",
    "authentication_required": "The bank wants the customer to authenticate, and there is no page "
    "to come back to (`PAYMENT_RETURN_URL`), or the order is of an older release.",
    "out_of_stock": "There are not as many pieces as were ordered.",
    "payment_canceled": "The payment was cancelled at the provider.",
    "payment_refunded": "The payment was refunded by hand at the provider, before it was recorded.",
    "unsupported_currency": "The payment provider does not take the currency of the products, "
    "which are of an older release.",
    "user_inactive": "The customer's account is not active.",
    "cancelled_by_customer": "The customer has cancelled the order.",
    "cancelled_by_operator": "An operator, or somebody on Temporal, has cancelled the order.",
    "cancelled_by_audit": "Its workflow was ended from outside, and the audit has undone the "
    "order.",
    "deadline_exceeded": "The saga was not past its pivot after half an hour. Find out what was "
    "down.",
    "undone_before": "An earlier run of its saga had begun to undo it, and was reset, or its task "
    "was lost. What for is not known any more.",
    "…_timed_out": "This step did not succeed within its patience. Find out what was down.",
}

# Why a step was refused, as operators see it in the saga and in reports of the audit.
STEPS: dict[str, str] = {
    "already_compensated": "The step was undone before; this late attempt is refused, as it "
    "should be.",
    "already_placed": "Another saga has placed this order.",
    "foreign_saga": "The order, the stock or the sale is another saga's. Somebody has started a "
    "copy.",
    "idempotency_key_reused": "The provider knows the key with another request. Somebody else "
    "uses it.",
    "key_reused": "The step was asked for with another command before. Find the code that did it.",
    "not_adoptable": "The provider's charge is not one that this order could be paid by.",
    "not_ours": "The provider's charge is not known to be this installation's.",
    "not_pending": "The order has ended already.",
    "not_returnable": "Only a confirmed order can be returned.",
    "not_returning": "The order is not being returned by this saga.",
    "nothing_to_return": "The order has no captured payment.",
    "order_has_payment": "The order has another payment.",
    "refund_failed": "The bank has sent the refund back; see [the runbook](../runbooks/ledger.md).",
    "refund_keeps_failing": "Three refunds have failed; see [the runbook](../runbooks/ledger.md).",
    "stock_not_held": "The stock is not where the saga has put it: a database was restored, or "
    "somebody has changed it.",
    "stock_sold": "The stock has been sold, and can only be returned.",
    "unknown_dead_letter": "`saga events dead replay`: there is no such dead letter.",
    "version_conflict": "Somebody else was faster. The step reads again and retries.",
}
