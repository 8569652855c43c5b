#!/bin/sh
# Brings docker-compose.yml up for real, by the Docker daemon that `docker` reaches, and tests it.
#
#   tests/compose/run.sh                     with stand-ins for the images of others (needs root)
#   IMAGES=registry tests/compose/run.sh     with the images that the files name, pulled
set -eu
cd "$(dirname "$0")/../.."

docker version >/dev/null || { echo "no Docker daemon answers: nothing was tested" >&2; exit 2; }
export IMAGES="${IMAGES:-stand-ins}" DOCKER_BUILDKIT="${DOCKER_BUILDKIT:-0}"
if [ "$IMAGES" = stand-ins ]; then
    tests/temporal_postgres/build.sh
    trap 'tests/compose/stand-ins.sh remove' EXIT
    tests/compose/stand-ins.sh make
fi
docker build --quiet --network "${BUILD_NETWORK:-default}" --tag order-saga:compose-test .
.venv/bin/python -m pytest tests/compose -m compose -o faulthandler_timeout=1800 -s
