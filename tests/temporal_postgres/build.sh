#!/bin/sh
# Builds Temporal's server and its SQL tool, at the version of docker-compose.yml, by Go alone.
# Takes a quarter of an hour the first time; what is built stays in .build/.
set -eu
cd "$(dirname "$0")/../.."

version=$(sed -n 's|.*image: temporalio/server:\([0-9.]*\)$|\1|p' docker-compose.yml)
[ -n "$version" ] || { echo "docker-compose.yml names no version of temporalio/server" >&2; exit 2; }
place=.build/temporal/$version
if [ -x "$place/temporal-server" ] && [ -x "$place/temporal-sql-tool" ] && [ -f "$place/entrypoint.sh" ]; then
    exit 0
fi
if ! command -v go >/dev/null; then
    echo "Go is not installed, so Temporal's server cannot be built: nothing was tested" >&2
    exit 2
fi

mkdir -p .build
draft=$(mktemp -d .build/draft.XXXXXX)
trap 'chmod -R u+w "$draft"; rm -rf "$draft"' EXIT
echo "building Temporal $version from its sources"
module=go.temporal.io/server
GOBIN=$PWD/$draft GOFLAGS="-p=${GO_AT_ONCE:-1} ${GOFLAGS:-}" \
    nice go install "$module/cmd/server@v$version" "$module/cmd/tools/sql@v$version"
mkdir -p "$place"
sources=$(go mod download -json "$module@v$version" | sed -n 's/^\t"Dir": "\(.*\)",$/\1/p')
# What the image runs, and how it makes of its environment what the server reads.
install -m 644 "$sources/docker/scripts/sh/entrypoint.sh" "$place/entrypoint.sh"
mv "$draft/sql" "$place/temporal-sql-tool"
mv "$draft/server" "$place/temporal-server"
