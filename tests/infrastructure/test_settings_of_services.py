"""Settings name a database and a place for every service, and for nothing else."""

from contracts.names import DATABASES, SERVICES
from infrastructure.settings import (
    AnyDatabaseSettings,
    DatabaseSettings,
    ServiceDatabaseSettings,
    ServiceUrlSettings,
)


def test_every_service_has_its_settings() -> None:
    databases = {f"{it}_database_url" for it in DATABASES}
    assert set(DatabaseSettings.model_fields) == databases
    assert set(AnyDatabaseSettings.model_fields) == databases
    assert set(ServiceDatabaseSettings.model_fields) == {f"{it}_database_url" for it in SERVICES}
    assert set(ServiceUrlSettings.model_fields) == {f"{it}_service_url" for it in SERVICES}
