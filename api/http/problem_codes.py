"""Every `code` that a problem document can have: stable, for programs, and ours.

It is an enum in the OpenAPI document. What the gateway answers by itself is among them, as callers
need not know whose answer they have. tests/api/test_problem_codes.py holds this to the code.
"""

from typing import Literal, get_args

ProblemCode = Literal[
    "already_resolved",
    "circuit_open",
    "content_too_large",
    "delivery_pending",
    "duplicate_key",
    "evidence_missing",
    "gateway_timeout",
    "headers_too_large",
    "idempotency_key_invalid",
    "idempotency_key_missing",
    "idempotency_key_reused",
    "insufficient_scope",
    "internal_error",
    "invalid_cursor",
    "invalid_json",
    "invalid_token",
    "invalid_uri",
    "malformed_request",
    "method_not_allowed",
    "nested_too_deeply",
    "not_acceptable",
    "not_found",
    "not_implemented",
    "not_returnable",
    "overloaded",
    "precondition_failed",
    "rate_limited",
    "refused",
    "request_timeout",
    "retry_only",
    "saga_paused",
    "saga_terminated",
    "sku_exists",
    "step_not_blocked",
    "token_missing",
    "too_late_to_cancel",
    "too_many_webhooks",
    "unavailable",
    "undecodable_input",
    "unfit_text",
    "unknown_delivery",
    "unknown_event_id",
    "unknown_order",
    "unknown_payment",
    "unknown_return",
    "unknown_sku",
    "unknown_user",
    "unknown_webhook",
    "unsupported_media_type",
    "upgrade_required",
    "uri_too_long",
    "validation_failed",
    "webhook_disabled",
]
CODES: frozenset[str] = frozenset(get_args(ProblemCode))
# What the framework answers by itself; any other status of its own is `refused`.
OF_FRAMEWORK: dict[int, ProblemCode] = {
    400: "malformed_request",
    404: "not_found",
    405: "method_not_allowed",
}

# Of one faulty field: by its schema, or by what the shop knows.
FieldCode = Literal[
    "invalid",
    "missing",
    "mixed_currencies",
    "not_a_multiple",
    "not_one_of",
    "out_of_range",
    "repeated_sku",
    "total_changed",
    "unknown_field",
    "unknown_sku",
    "unknown_user",
    "unsupported_currency",
    "url_not_usable",
    "wrong_form",
    "wrong_length",
    "wrong_type",
]
FIELD_CODES: frozenset[str] = frozenset(get_args(FieldCode))
# The validator's words, which are its maker's to change; what is not here is told by its ending.
OF_VALIDATOR: dict[str, FieldCode] = {
    "missing": "missing",
    "extra_forbidden": "unknown_field",
    "enum": "not_one_of",
    "literal_error": "not_one_of",
    "string_pattern_mismatch": "wrong_form",
    "int_from_float": "wrong_type",
    "int_parsing_size": "out_of_range",
    "greater_than": "out_of_range",
    "greater_than_equal": "out_of_range",
    "less_than": "out_of_range",
    "less_than_equal": "out_of_range",
    "multiple_of": "not_a_multiple",
    "not_a_multiple": "not_a_multiple",
    "unsupported_currency": "unsupported_currency",
}
OF_ENDING: dict[str, FieldCode] = {
    "_type": "wrong_type",
    "_parsing": "wrong_type",
    "too_short": "wrong_length",
    "too_long": "wrong_length",
}


def field_code_of(fault: str) -> FieldCode:
    """Our code for what the validator found."""
    if fault in OF_VALIDATOR:
        return OF_VALIDATOR[fault]
    return next((code for ending, code in OF_ENDING.items() if fault.endswith(ending)), "invalid")
