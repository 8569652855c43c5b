#!/bin/sh
# Makes Temporal's two databases, and brings their schemas to this version; safe to repeat.
# Where SQL is and who we are is in SQL_*, as temporal-sql-tool reads it.
set -eu

prepare() { # database, schema
    temporal-sql-tool --database "$1" create-database
    # Fails where there is a schema already; what it needs then is the update alone.
    temporal-sql-tool --database "$1" setup-schema -v 0.0 || echo "$1 has a schema"
    temporal-sql-tool --database "$1" update-schema --schema-name "postgresql/v12/$2"
}

prepare temporal temporal
prepare temporal_visibility visibility
