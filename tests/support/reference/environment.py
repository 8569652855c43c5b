"""Variables that no class of ours declares: of Temporal, PostgreSQL, tools and commands."""

from dataclasses import dataclass

from contracts.names import SERVICES
from infrastructure.envoy.mesh import SUFFIX


@dataclass(frozen=True)
class Setting:
    """One variable. `value` says what to write; `readers` are programs."""

    name: str
    value: str
    default: str
    readers: tuple[str, ...]
    does: str


TEMPORAL = ("saga-api", "saga-worker", "saga-webhooks", "saga-codec-server", "saga")
ON_POSTGRES = (
    "saga-api",
    "saga-worker",
    "saga-relay",
    *(f"saga-service-{service}" for service in SERVICES),
)
COMMANDS = ("saga",)

OTHERS = (
    Setting(
        "TEMPORAL_ADDRESS", "host:port", "`localhost:7233`", TEMPORAL, "Where Temporal's server is"
    ),
    Setting("TEMPORAL_NAMESPACE", "text", "`default`", TEMPORAL, "The namespace of the sagas"),
    Setting("TEMPORAL_API_KEY", "a secret", "unset", TEMPORAL, "A key for Temporal; implies TLS"),
    Setting(
        "TEMPORAL_TLS", "`true`, `false`", "unset", TEMPORAL, "Whether Temporal is called by TLS"
    ),
    Setting(
        "TEMPORAL_TLS_CLIENT_CERT_PATH",
        "a file",
        "unset",
        TEMPORAL,
        "Our certificate, for mutual TLS",
    ),
    Setting("TEMPORAL_TLS_CLIENT_KEY_PATH", "a file", "unset", TEMPORAL, "Its private key"),
    Setting(
        "TEMPORAL_TLS_SERVER_CA_CERT_PATH",
        "a file",
        "unset",
        TEMPORAL,
        "The authority that signed the certificate of Temporal's server",
    ),
    Setting(
        "TEMPORAL_CONFIG_FILE", "a file", "unset", TEMPORAL, "Profiles with any of these settings"
    ),
    Setting(
        "TEMPORAL_PROFILE", "text", "`default`", TEMPORAL, "Which profile of that file is read"
    ),
    *(
        Setting(
            f"{service.upper()}_{SUFFIX}",
            "`round_robin`, `random`, `least_request`",
            "`round_robin`",
            ("saga up",),
            f"To which instance of the {service} service a call goes",
        )
        for service in SERVICES
    ),
    Setting(
        "OTEL_EXPORTER_OTLP_HEADERS",
        "text",
        "unset",
        ("saga-api", "saga-worker", "saga-relay"),
        "Headers for the collector, such as a key; read by OpenTelemetry's library",
    ),
    Setting(
        "OTEL_TRACES_SAMPLER",
        "text",
        "`parentbased_always_on`",
        ("saga-api", "saga-worker", "saga-relay"),
        "Which traces are kept; read by OpenTelemetry's library, as are `OTEL_BSP_*`",
    ),
    Setting(
        "OTEL_TRACES_SAMPLER_ARG",
        "a share from 0 to 1",
        "`1`",
        ("saga-api", "saga-worker", "saga-relay"),
        "Which share of the traces is kept, with a sampler by ratio",
    ),
    Setting("PGSSLMODE", "text", "`prefer`", ON_POSTGRES, "Whether databases are called by TLS"),
    Setting(
        "PGSSLROOTCERT",
        "a file",
        "unset",
        ON_POSTGRES,
        "Authorities that sign databases' certificates",
    ),
    Setting("PGSSLCERT", "a file", "unset", ON_POSTGRES, "Our certificate at the databases"),
    Setting("PGSSLKEY", "a file", "unset", ON_POSTGRES, "Its private key"),
    Setting("SAGA_URL", "a URL", "the local stack's API", COMMANDS, "The API that commands call"),
    Setting(
        "SAGA_TOKEN",
        "a secret",
        "one of the local stack's",
        COMMANDS,
        "The token with which commands call an API elsewhere",
    ),
    Setting(
        "SAGA_VERIFY_POSTGRES",
        "a URL",
        "unset",
        ("saga verify",),
        "A PostgreSQL server for verification, instead of one that is started for it",
    ),
    Setting(
        "SANDBOX_KEY", "a secret", "required", ("saga-sandbox",), "The key that the sandbox accepts"
    ),
)
