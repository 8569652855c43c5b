"""Commands that are computed in a module of their own."""

from temporalio import workflow


def fresh(given: str) -> str:
    """Another one on every run."""
    return f"{given}-{workflow.uuid4()}"
