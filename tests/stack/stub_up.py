"""`saga` with stubs for our own programs: real PostgreSQL, real Temporal, real supervisor.

STUB_API in the environment is an argument for the API's stub.
"""

import os
import signal
import sys
from pathlib import Path

from cli.main import main
from local_stack.programs import Programs

STUB = (sys.executable, str(Path(__file__).with_name("stub.py")))

if __name__ == "__main__":
    # Who started the tests may have ignored these, as `nohup` and a shell's `&` do for all below.
    signal.signal(signal.SIGINT, signal.default_int_handler)
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    api = (*STUB, *filter(None, [os.environ.get("STUB_API")]))
    nothing = (sys.executable, "-c", "")
    main(
        Programs(
            migrations=nothing,
            encryption=nothing,
            provider=STUB,
            api=api,
            worker=STUB,
            relay=STUB,
            webhooks=STUB,
        )
    )
