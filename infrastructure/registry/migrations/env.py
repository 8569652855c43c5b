"""Alembic's entry for the registry."""

from infrastructure.postgres.migrations import run_env
from infrastructure.registry.tables import metadata

run_env(metadata)
