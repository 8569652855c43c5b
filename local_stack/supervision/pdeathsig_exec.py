"""Becomes another program whose life is tied to its parent's. A script, run by `process.spawn`:

    python -I -S pdeathsig_exec.py PARENT_PID SIGNAL UID:GID|- PROGRAM [ARGUMENT…]

Why not `preexec_fn`: that forks a process with threads and runs Python in the copy, which is
deprecated because it may deadlock. Why not Popen's `user=`: changing the user clears the tie, and
the other user may not reach this interpreter. Uses the standard library only.
"""

import ctypes
import os
import signal
import sys

PR_SET_PDEATHSIG = 1


def replace_process(parent: str, orphan_signal: str, account: str, *argv: str) -> None:
    """Replace this process by the program."""
    # A shell's `saga up &` ignores SIGINT for all below it, and SIGINT is what stops PostgreSQL.
    for number in (signal.SIGINT, signal.SIGHUP, signal.SIGTERM, signal.SIGPIPE):
        signal.signal(number, signal.SIG_DFL)
    if account != "-":
        uid, gid = map(int, account.split(":"))
        os.setgroups([])
        os.setgid(gid)
        os.setuid(uid)
    if sys.platform == "linux":
        ctypes.CDLL(None).prctl(PR_SET_PDEATHSIG, int(orphan_signal))
    if os.getppid() != int(parent):
        sys.exit("the supervisor died before this process was tied to it")
    os.execvp(argv[0], argv)  # noqa: S606 - an argument list of ours, and no shell is wanted


if __name__ == "__main__":
    try:
        replace_process(*sys.argv[1:])
    except OSError as error:
        sys.exit(f"cannot run {sys.argv[4]}: {error}")
