"""Settings name a database and a place for every service, and for nothing else."""

from contracts.names import DATABASES, SERVICES
from infrastructure.settings import (
    AnyDatabaseSettings,
    DatabaseSettings,
    ServiceDatabaseSettings,
    ServiceUrlSettings,
)


def test_every_service_has_its_settings() -> None:
    databases = {f"{database}_database_url" for database in DATABASES}
    assert set(DatabaseSettings.model_fields) == databases
    assert set(AnyDatabaseSettings.model_fields) == databases
    assert set(ServiceDatabaseSettings.model_fields) == {
        f"{service}_database_url" for service in SERVICES
    }
    assert set(ServiceUrlSettings.model_fields) == {
        f"{service}_service_url" for service in SERVICES
    }
