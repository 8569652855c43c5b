"""What an audit makes of the last one: whether to believe databases, and how far to look back."""

from datetime import timedelta

from temporalio import workflow

with workflow.unsafe.imports_passed_through():
    from contracts.audits import AuditReport
    from contracts.barrier_records import Epoch
    from workflows.tallying import STOPPED

AFTER_A_RESTORE = timedelta(days=3)  # looked back at least: how old a backup may well be
NOT_ASKED = "the databases could not be asked"


def last_report() -> AuditReport | None:
    """What the schedule's last audit reported; None if it cannot be read."""
    if not workflow.has_last_completion_result():
        return None
    try:
        return workflow.get_last_completion_result(AuditReport)
    except Exception:  # noqa: BLE001 - of other code, or made by hand: as good as none
        return None


def doubt_of(last: AuditReport | None, epochs: dict[str, Epoch] | None) -> str | None:
    """Why not to believe what the databases say before somebody could look.

    `epochs` are None if they could not be asked.
    """
    if epochs is None:
        return NOT_ASKED
    if last is None or not last.epochs:
        return "it is the first audit of this schedule"
    restored = restored_since(last.epochs, epochs)
    return f"restored since the last audit: {restored}" if restored else None


def restored_since(before: dict[str, Epoch], epochs: dict[str, Epoch]) -> str:
    """The databases that do not continue what they were, by name."""
    names = [
        name
        for name, now in epochs.items()
        if name not in before or not now.continues(before[name])
    ]
    return ", ".join(names)


def look_back(least: timedelta, last: AuditReport | None, doubt: str | None) -> timedelta:
    """How far: further after a restore, and as far as the last audit while that left something."""
    back = least
    if doubt is not None or (last is not None and last.dry_run is not None):
        back = max(back, AFTER_A_RESTORE)
    if last is not None and last.back is not None and (last.left or last.stopped is not None):
        back = max(back, last.back)
    return back


def alarm(report: AuditReport) -> None:
    """Metrics: what was left as it is, and that a bound was reached."""
    meter = workflow.metric_meter()
    meter.create_counter("saga_audit_left", "What audits named and did not mend").add(report.left)
    stopped = meter.create_counter("saga_audit_stopped", "Audits that reached a bound")
    for bound in STOPPED:  # 0 too: what begins with 1 has not grown, to Prometheus
        stopped.add(int(report.stopped == bound), {"bound": bound})
