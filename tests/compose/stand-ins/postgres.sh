#!/bin/sh
# As PostgreSQL's image does: on an empty volume, makes the role, its password and its database while
# listening on a socket alone; then serves everybody who knows the password.
set -eu
data=/var/lib/postgresql/18/docker

if [ "$(id -u)" = 0 ]; then
    mkdir -p "$data"
    chown -R postgres /var/lib/postgresql
    chmod 700 "$data"
    exec setpriv --reuid=postgres --regid=postgres --clear-groups "$0" "$@"
fi
if [ ! -s "$data/PG_VERSION" ]; then
    printf %s "$POSTGRES_PASSWORD" > /tmp/password
    initdb -D "$data" --username="$POSTGRES_USER" --pwfile=/tmp/password \
        --auth-local=trust --auth-host=scram-sha-256 --encoding=UTF8 --locale=C
    rm /tmp/password
    pg_ctl -D "$data" -o "-c listen_addresses='' -k /tmp" --wait start
    [ "$POSTGRES_DB" = postgres ] || createdb -h /tmp -U "$POSTGRES_USER" "$POSTGRES_DB"
    pg_ctl -D "$data" --mode=fast --wait stop
    echo "host all all all scram-sha-256" >> "$data/pg_hba.conf"
fi
exec postgres -D "$data" -k /tmp -c "listen_addresses=*"
