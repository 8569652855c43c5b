"""What an operator may say of a step that is parked, and what each word means there.

A step's action or compensation may be done by hand, or be given up. A question may not: only the
service knows the answer, and a word in its place would be read as one.
"""

from collections.abc import Iterable, Mapping

from saga import Resolving, Role, StepKind, StepState, StepView

AGAIN = "ask the service again, now; if it is refused again, it waits again"
ASK = {Resolving.RETRY: "ask the service again whether the step took effect; nobody else knows"}
MEANINGS: Mapping[Role, Mapping[Resolving, str]] = {
    Role.ACTION: {
        Resolving.RETRY: AGAIN,
        Resolving.MARK_DONE: "it was done by other means; the service is not asked",
        Resolving.SKIP: "it is not done and never will be; the saga goes on without it",
    },
    Role.COMPENSATION: {
        Resolving.RETRY: AGAIN,
        Resolving.MARK_DONE: "it was undone by other means; the service is not asked",
        Resolving.SKIP: "what the step did stays; nothing undoes it any more",
    },
    Role.FENCE: ASK,
    Role.PROBE: ASK,
}


def role_of(step: StepView, *, undoing: bool) -> Role:
    """What of it is parked. Workers of an earlier release do not say; of a pivot it is a fence."""
    if step.role is not None:
        return Role(step.role)
    if not undoing:
        return Role.ACTION
    return Role.FENCE if step.kind == StepKind.PIVOT else Role.COMPENSATION


def list_resolutions(step: StepView, *, undoing: bool) -> dict[str, str]:
    """The words that it takes, each with what it means; none if it is not parked."""
    if step.state is not StepState.BLOCKED:
        return {}
    meanings = MEANINGS[role_of(step, undoing=undoing)]
    said: Iterable[str] = step.words
    if not step.words:
        said = [Resolving.RETRY] if step.kind == StepKind.PIVOT else [*Resolving]
    return {word: text for word, text in meanings.items() if word in said}
