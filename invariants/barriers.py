"""The invariant that every saga has: its barriers tell of one effect and one undoing a step."""

from collections.abc import Set
from typing import Any

from sqlalchemy import select

from contracts.names import STEP_RECORDERS
from invariants.cases import OrderCase, OrderEnding
from invariants.environment import OrderWorld
from invariants.faults.restores import METADATA
from saga import SagaDefinition, Step, StepKind
from saga.participant import Op, State
from saga.verify.barriers import is_right
from saga.verify.subject import Invariant

Rows = dict[tuple[str, Op], State]


async def rows_of(world: OrderWorld, saga_id: str) -> Rows:
    """The state of every action and compensation of a saga."""
    found: Rows = {}
    for service in STEP_RECORDERS:
        table = METADATA[service].tables["barrier"]
        async with world.databases[service].transaction() as tx:
            for row in await tx.execute(select(table).where(table.c.saga_id == saga_id)):
                found[row.step, Op(row.op)] = State(row.state)
    return found


def barriers_hold(
    steps: SagaDefinition, completed: str, *, ended_by_word: Set[str] = frozenset()
) -> Invariant:
    """Every step is done and not undone if the saga completed; else none is left done.

    `ended_by_word`: the steps of which a person's word is what undoes them.
    """

    async def invariant(world: OrderWorld, case: OrderCase, ending: OrderEnding) -> list[str]:
        rows = await rows_of(world, case.workflow_id)
        wrong = [
            f"{step} {op} is left started" for (step, op), row in rows.items() if row == "started"
        ]
        for step in steps:
            if step.name in ending.left and step.name in ended_by_word:
                continue
            if step.name in ending.left:
                wrong += _left_alone(step, rows, whole=ending.status == completed)
            elif step.kind is not StepKind.READ:
                wrong += _judge(step, rows, whole=ending.status == completed)
        return wrong

    return invariant


def _judge(step: Step[Any, Any], rows: Rows, *, whole: bool) -> list[str]:
    action = rows.get((step.name, Op.ACTION))
    compensation = rows.get((step.name, Op.COMPENSATION))
    if is_right(step.kind, action, compensation, whole=whole):
        return []
    how = "completed" if whole else "undone"
    return [f"{step.name} of a saga that is {how}: action {action}, compensation {compensation}"]


def _left_alone(step: Step[Any, Any], rows: Rows, *, whole: bool) -> list[str]:
    """A step that a person said is done, or need not be, is done by nobody else."""
    op = Op.ACTION if whole else Op.COMPENSATION
    done = rows.get((step.name, op))
    return [f"{step.name} is left to people, and its {op} is {done}"] if done else []
