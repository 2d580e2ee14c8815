#!/usr/bin/env bash
# clang-tidy over our C, by .clang-tidy; silent when clean.
set -euo pipefail
cd "$(dirname "$0")/.."
find src -name '*.c' -print0 | xargs -0 -n 4 -P 2 clang-tidy-14 --quiet -p build/clang --warnings-as-errors='*' 2>/dev/null
echo "clang-tidy: clean"
