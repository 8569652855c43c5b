"""What may be chosen of the gateway, by GATEWAY_* in the environment; read in composition roots."""

from collections.abc import Mapping
from typing import Annotated

from pydantic import BaseModel, Field

PREFIX = "GATEWAY_"
Seconds = Annotated[float, Field(gt=0, json_schema_extra={"unit": "seconds"})]


class GatewaySettings(BaseModel, frozen=True):
    """Limits of the gateway. A caller is a token's subject; without one, the peer's address."""

    rate_per_second: int = Field(
        default=50,
        ge=1,
        description="How many requests a caller may send in the long run",
        json_schema_extra={"unit": "requests a second"},
    )
    rate_burst: int = Field(
        default=100,
        ge=1,
        description="How many requests a caller may send at once",
        json_schema_extra={"unit": "requests"},
    )
    callers: int = Field(
        default=10_000,
        ge=1,
        description="How many callers' rates are known at once",
        json_schema_extra={"unit": "callers"},
    )
    connections: int = Field(
        default=1000,
        ge=1,
        description="How many clients may be connected at once",
        json_schema_extra={"unit": "connections"},
    )
    trusted_proxies: int = Field(
        default=0,
        ge=0,
        le=10,
        description="How many proxies of ours are in front of the gateway",
        json_schema_extra={"unit": "proxies"},
    )
    read_timeout: Seconds = Field(default=15.0, description="How long the answer to a GET may take")
    write_timeout: Seconds = Field(
        default=45.0,
        description="How long any other answer may take; longer than the longest `Prefer: wait`",
    )
    stream_idle: Seconds = Field(
        default=120.0, description="How long a stream of events may be silent"
    )
    retries: int = Field(
        default=2,
        ge=0,
        le=5,
        description="How often a GET that was not answered is sent again",
        json_schema_extra={"unit": "times"},
    )

    @classmethod
    def by(cls, environ: Mapping[str, str]) -> "GatewaySettings":
        """From the environment. ValueError (pydantic's) names what is wrong."""
        names = {name: f"{PREFIX}{name.upper()}" for name in cls.model_fields}
        given = {name: environ[key] for name, key in names.items() if key in environ}
        return cls.model_validate(given)
