"""Alembic's entry for this service."""

from infrastructure.postgres.migrations import run_env
from services.event.tables import metadata

run_env(metadata)
