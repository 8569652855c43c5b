"""What a process tells of itself: traces, logs that name their trace, and metrics.

Composition roots start it, first of all (`start`). Everything else uses OpenTelemetry's interface,
which does nothing, at the price of a function call, where nothing was started.
"""
