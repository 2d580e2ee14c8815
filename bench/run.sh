#!/usr/bin/env bash
# Measures Winnow beside DuckDB alone on the same machine in one run and prints ratios.
#   bench/run.sh [import|query|serve|all]     ROWS=5000000 QUERY_ROWS=10000000 ROUNDS=3
set -euo pipefail
cd "$(dirname "$0")/.."
what=${1:-all}
rows=${ROWS:-5000000} query_rows=${QUERY_ROWS:-10000000} rounds=${ROUNDS:-3}
[ -x build/release/bin/winnow ] || { echo "build first: ./start.sh --build-only" >&2; exit 1; }
ninja -C build/release --quiet bench_peer
winnow=$PWD/build/release/bin/winnow peer=$PWD/build/release/bench/bench_peer
work=$(mktemp -d); server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
median() { sort -n | awk '{v[NR]=$1} END {print v[int((NR+1)/2)]}'; }

start_server() { # DIR -> sets port
    "$winnow" serve --data "$1" --port 0 --log-level error >"$work/out" 2>/dev/null & server=$!
    for _ in $(seq 200); do
        port=$(sed -n 's/.*127\.0\.0\.1:\([0-9]*\)$/\1/p' "$work/out"); [ -n "$port" ] && return; sleep 0.02
    done
    echo "the server did not start" >&2; exit 1
}
stop_server() { kill "$server"; wait "$server" || true; server=; }

bench_import() {
    echo "import of $rows rows as CSV (seconds, peak MB; $rounds rounds, interleaved)"
    "$peer" gen "$rows" "$work/rows.csv"
    ls -l "$work/rows.csv" | awk '{printf "  file: %.0f MB\n", $5/1e6}'
    : >"$work/ours"; : >"$work/theirs"
    for _ in $(seq "$rounds"); do
        rm -rf "$work/data" "$work/peer.db"
        "$peer" csv "$work/rows.csv" "$work/peer.db" >>"$work/theirs"
        node bench/measure.mjs "$winnow" import --data "$work/data" "$work/rows.csv" >>"$work/ours"
    done
    local ours theirs
    ours=$(cut -d' ' -f1 "$work/ours" | median); theirs=$(cut -d' ' -f1 "$work/theirs" | median)
    awk -v o="$ours" -v t="$theirs" -v om="$(cut -d' ' -f2 "$work/ours" | median)" -v tm="$(cut -d' ' -f2 "$work/theirs" | median)" \
        'BEGIN {printf "  winnow import      %6.2f s  %4d MB\n  DuckDB read_csv    %6.2f s  %4d MB\n  speed ratio        %6.2f x DuckDB (goal >= 0.70; memory goal < 600 MB)\n", o, om, t, tm, t/o}'
}

bench_query() {
    echo "queries over $query_rows rows: through HTTP beside the bare SQL (median ms; $rounds rounds, interleaved)"
    "$peer" gen "$query_rows" "$work/many.csv"
    rm -rf "$work/data"; "$winnow" import --data "$work/data" "$work/many.csv" >/dev/null; rm -f "$work/many.csv"
    cp "$work/data/facts.duckdb" "$work/copy.duckdb"
    cat >"$work/bare.sql" <<'SQL'
SELECT sum(spend_micros), sum(revenue_micros), sum(conversions_micros), sum(clicks_micros), sum(impressions_micros) FROM ad_stats WHERE tenant_id = 1 AND day BETWEEN 20424 AND 20453
SELECT channel, day, sum(spend_micros), sum(revenue_micros) FROM ad_stats WHERE tenant_id = 1 AND day BETWEEN 20089 AND 20453 GROUP BY channel, day ORDER BY channel, day
SQL
    start_server "$work/data"
    : >"$work/ours"; : >"$work/theirs"
    for _ in $(seq "$rounds"); do
        node bench/query/http.mjs "$port" "$work/one" 41
        paste -sd ' ' "$work/one" >>"$work/ours"
        "$peer" sql "$work/copy.duckdb" 41 <"$work/bare.sql" | paste -sd ' ' >>"$work/theirs"
    done
    stop_server
    for query in 1 2; do
        echo "$(cut -d' ' -f$query "$work/ours" | median) $(cut -d' ' -f$query "$work/theirs" | median)"
    done |
        awk 'BEGIN {n[1]="KPI summary, 30 days"; n[2]="6 channels x 365 days"}
        {printf "  %-24s winnow %7.2f ms   bare SQL %7.2f ms   ratio %.2f (goal <= 1.25)\n", n[NR], $1, $2, $1/$2}'
}

bench_serve() {
    echo "the server (existing data directory with the sample)"
    rm -rf "$work/data"
    "$winnow" serve --data "$work/data" --port 0 --sample --log-level error >"$work/out" 2>/dev/null & server=$!
    for _ in $(seq 500); do grep -q listening "$work/out" && break; sleep 0.02; done
    stop_server
    node bench/start/start.mjs "$winnow" "$work/data" 9
    start_server "$work/data"
    curl -s "http://127.0.0.1:$port/health" >/dev/null; sleep 1
    awk '/VmRSS/ {printf "  idle resident memory     %.0f MB\n", $2/1024}' "/proc/$server/status"
    node bench/query/slider.mjs "$port" 41
    if command -v wrk >/dev/null 2>&1; then
        wrk -t1 -c64 -d5s "http://127.0.0.1:$port/health" | awk '/Requests\/sec/ {printf "  /health, 64 connections  %.0f requests/s\n", $2}'
    else echo "  /health: skipped, wrk is not installed"; fi
    stop_server
}

case $what in
    import) bench_import ;; query) bench_query ;; serve) bench_serve ;;
    all) bench_import; bench_query; bench_serve ;;
    *) echo "usage: bench/run.sh [import|query|serve|all]" >&2; exit 2 ;;
esac
