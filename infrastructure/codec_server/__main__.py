"""`saga-codec-server`: the codec server, until it is told to stop."""

import argparse
import asyncio
import sys

import uvicorn
from pydantic import Field
from pydantic_settings import BaseSettings

from infrastructure.codec_server.app import create_app
from infrastructure.security.access_tokens import Verifier
from infrastructure.security.jwks import demand_usable, open_keys
from infrastructure.security.key_ring import KeysUnusable
from infrastructure.telemetry.setup import telemetry_of
from infrastructure.temporal.client import namespace_of
from infrastructure.temporal.codec_settings import PayloadSettings
from infrastructure.temporal.data_converter import readable_encryptor
from infrastructure.temporal.program import run_and_end


class CodecSettings(BaseSettings):
    """Whose tokens are taken, as the API has it; TEMPORAL_UI_URL: whose pages may call."""

    api_auth_issuer: str = Field(min_length=1, description="The claim iss, exactly")
    api_auth_audience: str = Field(min_length=1, description="One of the claim aud, exactly")
    api_auth_jwks: str = Field(min_length=1, description="URL or file of the public keys (JWKS)")
    temporal_ui_url: str = Field(
        default="http://127.0.0.1:8233", description="Temporal's Web UI, whose pages may call"
    )


async def serve(host: str, port: int) -> None:
    """Serve until told to stop. KeysUnusable, or ValidationError, if settings are missing."""
    settings, namespace = CodecSettings(), namespace_of()
    encryptor = readable_encryptor(PayloadSettings.of(), namespace)
    demand_usable(settings.api_auth_jwks)
    async with open_keys(settings.api_auth_jwks) as keys:
        verifier = Verifier(
            keys, issuer=settings.api_auth_issuer, audience=settings.api_auth_audience
        )
        app = create_app(encryptor, namespace, verifier, [settings.temporal_ui_url.rstrip("/")])
        config = uvicorn.Config(
            app, host=host, port=port, ws="none", log_config=None, access_log=False,
            server_header=False,
        )  # fmt: skip
        await uvicorn.Server(config).serve()


def serve_until_stopped() -> None:
    """As the command line says. SystemExit, with what to do, if its keys cannot be used."""
    parser = argparse.ArgumentParser(prog="saga-codec-server", description=__doc__)
    parser.add_argument("--host", default="127.0.0.1")
    parser.add_argument("--port", default=8234, type=int)
    options = parser.parse_args()
    with telemetry_of("codec", None):
        try:
            asyncio.run(serve(options.host, options.port))
        except KeysUnusable as error:
            sys.exit(str(error))


def main() -> None:
    """Entry point."""
    run_and_end(serve_until_stopped)


if __name__ == "__main__":
    main()
