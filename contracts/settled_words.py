"""How what an operator has settled of a saga is told in short, wherever an order is told."""

SETTLED_AS = {"skip": "skipped", "mark_done": "done by other means"}


def describe_settled(step: str, action: str) -> str:
    """Such as "refund_payment skipped"."""
    return f"{step} {SETTLED_AS[action]}"
