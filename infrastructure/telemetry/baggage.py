"""Baggage (W3C) that requests may bring and that goes on from here: that of an allow-list.

It reaches Temporal's headers and the payment provider. What anybody sends is not passed on there,
so a member is taken by its name, if its value is short and plain.
"""

import re
from collections.abc import Set

from opentelemetry import baggage, propagate
from opentelemetry.baggage.propagation import W3CBaggagePropagator
from opentelemetry.context import Context
from opentelemetry.propagators.composite import CompositePropagator
from opentelemetry.propagators.textmap import (
    CarrierT,
    Getter,
    Setter,
    TextMapPropagator,
    default_getter,
    default_setter,
)
from opentelemetry.trace.propagation.tracecontext import TraceContextTextMapPropagator

# A visit of a shop's pages, and whether a machine asks that only tries whether we work.
ALLOWED = frozenset({"session.id", "synthetic"})
PLAIN = re.compile(r"[A-Za-z0-9._-]{1,64}")


class AllowedBaggage(TextMapPropagator):
    """Reads the members that are allowed, and writes what there is of them."""

    def __init__(self) -> None:
        self._all = W3CBaggagePropagator()

    def extract(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        getter: Getter[CarrierT] = default_getter,
    ) -> Context:
        """The context with them."""
        return keep_allowed(self._all.extract(carrier, context, getter))

    def inject(
        self,
        carrier: CarrierT,
        context: Context | None = None,
        setter: Setter[CarrierT] = default_setter,
    ) -> None:
        """Write them into an outgoing request's headers."""
        self._all.inject(carrier, keep_allowed(context), setter)

    @property
    def fields(self) -> Set[str]:  # type: ignore[override]  # the base wants set
        """The headers that it knows."""
        return self._all.fields


def keep_allowed(context: Context | None) -> Context:
    """The context without any other member."""
    found = baggage.get_all(context)
    kept = baggage.clear(context)
    for name, value in found.items():
        if name in ALLOWED and PLAIN.fullmatch(str(value)):
            kept = baggage.set_baggage(name, value, kept)
    return kept


def install() -> None:
    """Have requests of this process bring and pass on traces and this baggage."""
    propagate.set_global_textmap(
        CompositePropagator([TraceContextTextMapPropagator(), AllowedBaggage()])
    )
