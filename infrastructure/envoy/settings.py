"""What may be chosen of the gateway, by GATEWAY_* in the environment; read in composition roots."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, Field

PREFIX = "GATEWAY_"
Seconds = Annotated[float, Field(gt=0)]


class GatewaySettings(BaseModel, frozen=True):
    """Limits of the gateway. A caller is a token's subject; without one, the peer's address."""

    rate_per_second: Annotated[int, Field(ge=1)] = 50
    rate_burst: Annotated[int, Field(ge=1)] = 100
    callers: Annotated[int, Field(ge=1, description="Whose rates are known at once")] = 10_000
    connections: Annotated[int, Field(ge=1, description="Clients connected at once")] = 1000
    trusted_proxies: Annotated[
        int, Field(ge=0, le=10, description="How many proxies of ours are in front of it")
    ] = 0
    read_timeout: Seconds = 15.0
    write_timeout: Annotated[
        Seconds, Field(description="Longer than the longest `Prefer: wait`")
    ] = 45.0
    stream_idle: Annotated[Seconds, Field(description="How long an event stream may be silent")] = (
        120.0
    )
    retries: Annotated[int, Field(ge=0, le=5, description="Of a GET that was not answered")] = 2

    @classmethod
    def by(cls, environ: Mapping[str, str]) -> "GatewaySettings":
        """From the environment. ValueError (pydantic's) names what is wrong."""
        names = {name: f"{PREFIX}{name.upper()}" for name in cls.model_fields}
        given = {name: environ[it] for name, it in names.items() if it in environ}
        return cls.model_validate(given)
