#!/bin/sh
# Makes Temporal's two databases, and brings their schemas to this version; safe to repeat.
# Where SQL is and who we are is in SQL_*, as temporal-sql-tool reads it.
set -eu

prepare() { # database, schema
    temporal-sql-tool --database "$1" create-database
    # Only where there is no schema yet: a repetition leaves its version alone.
    temporal-sql-tool --database "$1" setup-schema -v 0.0
    temporal-sql-tool --database "$1" update-schema --schema-name "postgresql/v12/$2"
}

prepare temporal temporal
prepare temporal_visibility visibility
