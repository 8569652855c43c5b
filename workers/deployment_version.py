"""Which version of the code these workers run, for Temporal, if it is to tell versions apart.

The names of the variables are those that Temporal's Worker Controller sets.
"""

from pydantic import Field
from pydantic_settings import BaseSettings
from temporalio.common import VersioningBehavior, WorkerDeploymentVersion
from temporalio.worker import WorkerDeploymentConfig

DEPLOYMENT = "orders"


class VersionSettings(BaseSettings):
    """TEMPORAL_WORKER_BUILD_ID: this version; TEMPORAL_DEPLOYMENT_NAME: all versions together."""

    temporal_deployment_name: str = Field(
        default=DEPLOYMENT,
        min_length=1,
        description="What all versions of the workers together are",
    )
    temporal_worker_build_id: str = Field(
        default="", description="This version of the workers; unset, workers have no version"
    )

    def deployment(self) -> WorkerDeploymentConfig | None:
        """For a worker; None if no version is set, so that it takes whatever is in its queues.

        A saga stays with the version that it began with: it is short, and so no code has to be able
        to go on with another version's.
        """
        if not self.temporal_worker_build_id:
            return None
        version = WorkerDeploymentVersion(
            self.temporal_deployment_name, self.temporal_worker_build_id
        )
        return WorkerDeploymentConfig(
            version=version,
            use_worker_versioning=True,
            default_versioning_behavior=VersioningBehavior.PINNED,
        )
