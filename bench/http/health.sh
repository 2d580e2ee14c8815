#!/usr/bin/env bash
# Measures the HTTP layer of the release binary: requests/s of /health and of a ready body at several
# numbers of connections (wrk on the same machine), resident memory idle and per idle connection, and the time
# from start to the first answer with an existing data directory.
#   bench/http/health.sh [path of winnow]      SECONDS_EACH=5
set -euo pipefail
cd "$(dirname "$0")/../.."
winnow=${1:-build/release/bin/winnow} seconds=${SECONDS_EACH:-5} n_idle=500
[ -x "$winnow" ] || { echo "skipped: no release binary at $winnow (./start.sh --build-only)"; exit 0; }
command -v wrk >/dev/null 2>&1 || { echo "skipped: wrk is not installed (apt-get install wrk)"; exit 0; }
work=$(mktemp -d) server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT

start_server() { # sets server, port
    "$winnow" serve --data "$work/data" --port 0 --log-level error >"$work/out" 2>/dev/null & server=$!
    for _ in $(seq 2000); do
        port=$(sed -n 's/.*127\.0\.0\.1:\([0-9][0-9]*\).*/\1/p' "$work/out" | head -1)
        [ -z "$port" ] || return 0
        sleep 0.005
    done
    echo "the server did not start" >&2; exit 1
}
stop_server() { kill "$server"; wait "$server" || true; server=; }
rss_kb() { awk '/^VmRSS/ {print $2}' "/proc/$server/status"; }

start_server; stop_server # makes the data directory
for _ in 1 2 3 4 5; do
    begun=$(date +%s%N)
    start_server
    curl -s --retry-connrefused --retry 50 --retry-delay 0 -o /dev/null "http://127.0.0.1:$port/health"
    echo $((($(date +%s%N) - begun) / 1000000)) >>"$work/ms"
    [ "$(wc -l <"$work/ms")" = 5 ] || stop_server
done
printf 'start to first answer      %6d ms (median of 5, with curl)\n' "$(sort -n "$work/ms" | sed -n 3p)"
idle=$(rss_kb)
printf 'resident memory, idle      %6d MB\n' $((idle / 1024))
measure() { # TARGET CONNECTIONS
    wrk -t1 -c"$2" -d"${seconds}s" --latency "http://127.0.0.1:$port$1" >"$work/wrk"
    awk -v t="$1" -v c="$2" '/99%/ {p=$2} /Requests\/sec/ {r=$2} /Socket errors|Non-2xx/ {e=e "  " $0} END {
        printf "%-14s %4d connections %6d requests/s, p99 %s (closed loop)%s\n", t, c, r, p, e}' "$work/wrk"
}
for c in 8 64 512; do measure /health "$c"; done
for c in 64 512; do measure /api "$c"; done # the layer alone: a small ready body
before=$(rss_kb)
for _ in $(seq $n_idle); do
    exec {fd}<>"/dev/tcp/127.0.0.1/$port"
    printf 'GET /health HTTP/1.1\r\nHost: localhost\r\n\r\n' >&"$fd"
done
sleep 0.5
printf 'memory per idle connection %6d KB (%d connections, each after a request)\n' \
    $((($(rss_kb) - before) / n_idle)) $n_idle
