"""A web server that leaves without a request failing for it: it drains, then stops.

Told to stop, it goes on answering for `drain` seconds. Readiness fails meanwhile, so whoever leads
requests here looks elsewhere; and every answer says that its connection ends with it, so no client
sends another request on a connection that is about to close. Then it stops as uvicorn does: no new
connections, and what is under way is finished.

`drain` is to be longer than clients keep an idle connection, and than news of readiness takes.
"""

import argparse
import asyncio
import logging
import socket

import uvicorn
from starlette.types import Scope

DRAINING = "draining"  # the name of an asyncio.Event in the app's state
CLOSE = (b"connection", b"close")
TICK = 0.1
log = logging.getLogger(__name__)


def is_draining(scope: Scope) -> bool:
    """Whether the server of this request has been told to stop."""
    event = scope.get("state", {}).get(DRAINING)
    return event is not None and event.is_set()


def drain_option(parser: argparse.ArgumentParser) -> None:
    """--drain SECONDS; none unless set, since it is for whoever has another instance."""
    told = "seconds to go on when told to stop, while /health/ready says 503"
    parser.add_argument("--drain", default=0.0, type=float, metavar="SECONDS", help=told)


class DrainingServer(uvicorn.Server):
    """One server. Its app may have an asyncio.Event at DRAINING in its lifespan's state."""

    def __init__(self, config: uvicorn.Config, drain: float) -> None:
        super().__init__(config)
        self._drain = drain

    async def shutdown(self, sockets: list[socket.socket] | None = None) -> None:
        """Drain, then stop."""
        event = self.lifespan.state.get(DRAINING)
        if isinstance(event, asyncio.Event):
            event.set()
        headers = self.server_state.default_headers
        self.server_state.default_headers = [*headers, CLOSE]
        if self._drain:
            log.info("draining for %g s", self._drain)
        left = self._drain
        while left > 0 and not self.force_exit:
            await asyncio.sleep(min(left, TICK))
            left -= TICK
        await super().shutdown(sockets)
