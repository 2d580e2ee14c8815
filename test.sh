#!/usr/bin/env bash
# Installs what is missing, builds with sanitizers, and runs every test.
#   ./test.sh          everything; fuzz targets for a few seconds each
#   CI=true ./test.sh  the same with warnings as errors and up to a minute per fuzz target
#   ./test.sh quick    without fuzzing, thread sanitizer and the second compiler
set -euo pipefail
cd "$(dirname "$0")"
. tools/prepare.sh

mode=${1:-all}
ci=${CI:-false}
[ "$ci" = true ] && cmake_extra+=(-DWN_WERROR=ON)
fuzz_seconds=5
[ "$ci" = true ] && fuzz_seconds=60
started=$SECONDS
step() { say "$* ($((SECONDS - started)) s since start)"; }

install_packages "${build_packages[@]}" ccache libcmocka-dev clang-14 libclang-rt-14-dev clang-format-14 clang-tidy-14 chromium fonts-noto-core
install_node
npm_install engines/duckdb
build_web
npm_install tests/browser

step "checking rooms and layout"
node tools/check_rooms.mjs
find . \( -name build -o -name node_modules -o -name .git \) -prune -o \( -name '*.c' -o -name '*.h' \) -print0 |
    xargs -0 clang-format-14 --dry-run --Werror ||
    fail "run: clang-format-14 -i on the files named above"

# Everything of ours runs under the sanitizers; DuckDB and the other libraries are as Debian and npm built them.
export ASAN_OPTIONS=detect_leaks=1:abort_on_error=0 UBSAN_OPTIONS=print_stacktrace=1:halt_on_error=1
export LSAN_OPTIONS=suppressions=$PWD/tests/lsan.supp:print_suppressions=0
build_preset asan
step "unit and contract tests"
ctest --test-dir build/asan --output-on-failure -j 2

step "building the release"
build_preset release winnow winnow_shared winnow_static
tools/check_install.sh

step "flow tests, on the binary with sanitizers"
WINNOW_BIN=$PWD/build/asan/bin/winnow node --test --test-concurrency=1 tests/flow/*.test.mjs
step "browser tests, on the release"
WINNOW_BIN=$PWD/build/release/bin/winnow node --test --test-concurrency=1 tests/browser/*.test.mjs

if [ "$mode" != quick ]; then
    step "the second compiler"
    build_preset clang
    step "static analysis"
    tools/tidy.sh
    step "thread sanitizer"
    threaded=(unit_io_http unit_io_http_hostile unit_io_http_forms unit_io_http_client unit_serve_import_jobs contract_facts contract_catalog)
    build_preset tsan "${threaded[@]}"
    TSAN_OPTIONS=suppressions=$PWD/tests/tsan.supp ctest --test-dir build/tsan --output-on-failure \
        -R "^($(IFS='|'; echo "${threaded[*]}"))\$"
    step "fuzzing, up to $fuzz_seconds s a target"
    build_preset fuzz
    tools/fuzz.sh "$fuzz_seconds"
fi
step "all tests passed"
