#!/usr/bin/env bash
# A newcomer's first minutes, from a fresh clone: `make run` until the stack answers, `saga demo`,
# an orderly stop that leaves no process behind; then `make test`, if asked for by `--test`, or the
# tests in the paths that follow it.
#
# Started by root, it does all of that as an ordinary user who owns nothing but the clone.
set -euo pipefail

if [ "${1:-}" != "--inside" ]; then
    source=$(cd "$(dirname "$0")/.." && pwd)
    place=$(mktemp -d)
    trap 'rm -rf "$place"' EXIT
    chmod 755 "$place"
    git clone --quiet "$source" "$place/clone"
    become=()
    if [ "$(id -u)" = 0 ]; then
        chown -R nobody "$place"
        become=(setpriv --reuid=nobody --regid="$(id -g nobody)" --clear-groups)
    fi
    cd "$place/clone"
    HOME="$place" GIT_CONFIG_GLOBAL=/dev/null "${become[@]}" bash tests/newcomer.sh --inside "$@"
    exit
fi

echo "as $(id -un), in a fresh clone"
make setup
make run >run.log 2>&1 &
stack=$!
trap 'kill "$stack" 2>/dev/null || true; wait "$stack" 2>/dev/null || true' EXIT

for _ in $(seq 180); do
    if .venv/bin/saga status >/dev/null 2>&1; then break; fi
    if ! kill -0 "$stack" 2>/dev/null; then cat run.log; exit 1; fi
    sleep 0.5
done
cat run.log
token=$(.venv/bin/saga token --scope operator)
curl --silent --fail --show-error -H "Authorization: Bearer $token" http://127.0.0.1:8000/v1/products
.venv/bin/saga demo
.venv/bin/saga down
wait "$stack" || true
trap - EXIT
if pgrep -f "$PWD/.venv/bin/" >/dev/null; then
    echo "processes are left behind:"
    pgrep -af "$PWD/.venv/bin/"
    exit 1
fi
echo "the newcomer's stack came up, told its six stories and left nothing behind"

if [ "${2:-}" = "--test" ]; then
    make test TESTS="${*:3}"
fi
