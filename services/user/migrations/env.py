"""Alembic's entry for this service."""

from infrastructure.postgres.migrations import run_env
from services.user.tables import metadata

run_env(metadata)
