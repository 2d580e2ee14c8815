#!/usr/bin/env bash
# Measures single click predictions over HTTP on the sample: an open loop at a steady rate over
# keep-alive connections, each answer timed from the moment its question was due (steady.c), and the processor
# time that one of them costs the server.
#   bench/http/predict.sh [path of winnow]      BUILD=build/release RATE=5000 SECONDS_EACH=10 CONNECTIONS=16 ROUNDS=3
set -euo pipefail
cd "$(dirname "$0")/../.."
build=${BUILD:-build/release} rate=${RATE:-5000} seconds=${SECONDS_EACH:-10} connections=${CONNECTIONS:-16} rounds=${ROUNDS:-3}
winnow=${1:-$build/bin/winnow}
[ -x "$winnow" ] || { echo "skipped: no release binary at $winnow (./start.sh --build-only)"; exit 0; }
ninja -C "$build" --quiet bench_steady
work=$(mktemp -d) server=
trap '[ -z "$server" ] || kill "$server" 2>/dev/null; rm -rf "$work"' EXIT
"$winnow" serve --data "$work/data" --port 0 --sample --log-level error >"$work/out" 2>/dev/null & server=$!
for _ in $(seq 2000); do
    port=$(sed -n 's/.*127\.0\.0\.1:\([0-9][0-9]*\).*/\1/p' "$work/out" | head -1)
    [ -z "$port" ] || break
    sleep 0.005
done
[ -n "$port" ] || { echo "the server did not start" >&2; exit 1; }
# Questions that differ: a campaign, a device, a day, and what a form sends besides.
curl -sf "http://127.0.0.1:$port/api/v1/ml/ctr/model" >"$work/model.json"
node -e '
const { drivers } = JSON.parse(require("fs").readFileSync(process.argv[1], "utf8"));
const of = (field) => drivers.find((d) => d.field === field).levels;
const [campaigns, devices, days] = ["campaign", "device", "weekday"].map(of);
for (let i = 0; i < 1000; i++)
  console.log(JSON.stringify({ campaign_id: campaigns[i % campaigns.length].value, device_platform: devices[i % devices.length].value,
    weekday: days[i % days.length].value, age_range: "25-34", gender: "female", bid_amount: 1.5 }));
' "$work/model.json" >"$work/bodies"
ticks() { awk '{print $14 + $15}' "/proc/$server/stat"; }
echo "single click predictions, $(nproc) processors shared with the client"
for _ in $(seq "$rounds"); do
    before=$(ticks)
    "$build/bench/bench_steady" "$port" /api/v1/ml/predict/ctr "$rate" "$seconds" "$connections" <"$work/bodies"
    awk -v t=$(($(ticks) - before)) -v hz="$(getconf CLK_TCK)" -v n="$(awk -v r="$rate" -v s="$seconds" 'BEGIN {print r * s}')" \
        'BEGIN {printf "  processor time of the server: %.0f us each\n", t / hz / n * 1e6}'
done
