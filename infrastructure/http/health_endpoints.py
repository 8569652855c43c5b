"""What every process answers alike: that it lives, and its metrics. Whether it is ready is its own.

app.get(LIVE)(live)
"""

from starlette.responses import Response

from infrastructure.telemetry.metrics import exposition

LIVE, READY, METRICS = "/health/live", "/health/ready", "/metrics"


async def live() -> dict[str, str]:
    """The process answers."""
    return {"status": "live"}


async def metrics() -> Response:
    """All metrics of this process, as Prometheus reads them."""
    text, media_type = exposition()
    return Response(text, media_type=media_type)
