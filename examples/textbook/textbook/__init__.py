"""The saga as it is mostly written, beside the same one on the engine; both are verified."""
