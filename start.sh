#!/usr/bin/env bash
# Installs what is missing, builds, and runs Winnow on an embedded data directory.
set -euo pipefail
cd "$(dirname "$0")"

usage() {
    cat <<'TXT'
usage: ./start.sh [--build-only] [--no-sample] [--port N] [--data DIR]

  --build-only  install and build, do not start
  --no-sample   start with an empty workspace instead of the sample
  --port N      the port on 127.0.0.1 (default 8420)
  --data DIR    the data directory (default: $WINNOW_DATA, else ~/.local/share/winnow)
TXT
}

build_only=false sample=(--sample) serve=()
started_in=${OLDPWD:-$PWD}
while [ $# -gt 0 ]; do
    case $1 in
        --build-only) build_only=true ;;
        --no-sample) sample=() ;;
        --port=*) serve+=(--port "${1#*=}") ;;
        --data=*) serve+=(--data "${1#*=}") ;;
        --port | --data)
            [ $# -gt 1 ] || { echo "start.sh: $1 needs a value" >&2; usage >&2; exit 2; }
            serve+=("$1" "$2"); shift ;;
        -h | --help) usage; exit 0 ;;
        *) echo "start.sh: unknown option '$1'" >&2; usage >&2; exit 2 ;;
    esac
    shift
done
# A relative data directory is meant from where the script was called.
for i in "${!serve[@]}"; do
    if [ "$i" -gt 0 ] && [ "${serve[$((i - 1))]}" = --data ] && [ "${serve[$i]#/}" = "${serve[$i]}" ]; then
        serve[$i]=$started_in/${serve[$i]}
    fi
done

. tools/prepare.sh
install_packages "${build_packages[@]}"
install_node
npm_install engines/duckdb
build_web
build_preset release winnow winnow_shared winnow_static
if $build_only; then
    say "built: build/release/bin/winnow"
    exit 0
fi
exec build/release/bin/winnow serve --log build/serve.log "${sample[@]}" "${serve[@]}"
