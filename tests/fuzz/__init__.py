"""Requests made from the OpenAPI document, by schemathesis; see docs/adr/0041-fuzzing.md."""
