#!/usr/bin/env bash
# Installs the release into a scratch directory and uses it as a stranger would: the binary runs, a
# program finds the library by pkg-config and links with it, shared and static.
set -euo pipefail
cd "$(dirname "$0")/.."
root=$(mktemp -d)
trap 'rm -rf "$root"' EXIT
cmake --install build/release --prefix "$root" >/dev/null
"$root/bin/winnow" version >/dev/null
export PKG_CONFIG_PATH
PKG_CONFIG_PATH=$(dirname "$(find "$root" -name winnow.pc)")
sed -i "s|^prefix=.*|prefix=$root|" "$PKG_CONFIG_PATH/winnow.pc"
for example in docs/examples/*.c; do
    [ -e "$example" ] || continue
    # shellcheck disable=SC2046
    cc -std=c17 -Wall -Wextra -Werror "$example" -o "$root/example" $(pkg-config --cflags --libs winnow) -lm
    LD_LIBRARY_PATH=$(pkg-config --variable=libdir winnow) "$root/example" >/dev/null
done
pkg-config --exists winnow
echo "check_install: binary and library installed, found and used"
