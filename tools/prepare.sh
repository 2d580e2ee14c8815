# Shared by start.sh and test.sh (sourced): installs what is missing and builds. Nothing here runs
# twice without need: packages are asked for by name, npm by its lockfile, ninja by its own rules.

say() { printf '\033[1mwinnow:\033[0m %s\n' "$*" >&2; }
fail() { printf 'winnow: %s\n' "$*" >&2; exit 1; }

as_root() {
    if [ "$(id -u)" = 0 ]; then "$@"
    elif command -v sudo >/dev/null 2>&1; then sudo "$@"
    else fail "these need root, and there is no sudo: $*"
    fi
}

# install_packages NAME...: Debian packages that are not there yet.
install_packages() {
    command -v apt-get >/dev/null 2>&1 ||
        fail "this script installs Debian packages; on another system install by hand: $*"
    local missing=() name
    for name in "$@"; do
        [ "$(dpkg-query -W -f='${Status}' "$name" 2>/dev/null)" = "install ok installed" ] || missing+=("$name")
    done
    [ ${#missing[@]} = 0 ] && return 0
    say "installing ${#missing[@]} Debian packages: ${missing[*]}"
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >"$prepare_log" 2>&1 && return 0
    # The package lists may be old or absent: fetch them and try once more.
    as_root apt-get update -q >>"$prepare_log" 2>&1 || true
    as_root env DEBIAN_FRONTEND=noninteractive apt-get install -y -q --no-install-recommends "${missing[@]}" >>"$prepare_log" 2>&1 ||
        { tail -n 20 "$prepare_log" >&2; fail "installing packages failed; the whole output is in $prepare_log"; }
}

install_node() {
    local major=0
    command -v node >/dev/null 2>&1 && major=$(node -p 'process.versions.node.split(".")[0]' 2>/dev/null || echo 0)
    [ "$major" -ge 18 ] || install_packages nodejs
    command -v npm >/dev/null 2>&1 || install_packages npm
}

# npm_install DIR: what the lockfile says, when it is not there yet.
npm_install() {
    local dir=$1 stamp
    stamp=$(sha256sum "$dir/package-lock.json" "$dir/package.json" | sha256sum | cut -d' ' -f1)
    [ -f "$dir/node_modules/.winnow-$stamp" ] && return 0
    say "installing npm packages of $dir"
    (cd "$dir" && npm ci --ignore-scripts --no-audit --no-fund) >"$prepare_log" 2>&1 ||
        { tail -n 20 "$prepare_log" >&2; fail "npm ci failed in $dir; the whole output is in $prepare_log"; }
    : >"$dir/node_modules/.winnow-$stamp"
}

build_web() {
    npm_install web
    if [ -f web/dist/index.html ] &&
        [ -z "$(find web/src web/public web/*.json web/*.ts web/*.html web/scripts api -newer web/dist/index.html -print -quit 2>/dev/null)" ]; then
        return 0
    fi
    say "building the web application"
    (cd web && npm run --silent build) >"$prepare_log" 2>&1 ||
        { tail -n 40 "$prepare_log" >&2; fail "building web/ failed; the whole output is in $prepare_log"; }
}

# build_preset PRESET [ninja target...]
build_preset() {
    local preset=$1; shift
    local launcher=()
    command -v ccache >/dev/null 2>&1 && launcher=(-DCMAKE_C_COMPILER_LAUNCHER=ccache -DCMAKE_CXX_COMPILER_LAUNCHER=ccache)
    if ! cmake --preset "$preset" "${launcher[@]}" "${cmake_extra[@]}" >"$prepare_log" 2>&1; then
        tail -n 30 "$prepare_log" >&2; fail "cmake failed; the whole output is in $prepare_log"
    fi
    say "building ($preset)"
    if [ -t 2 ]; then
        NINJA_STATUS='  [%f/%t] ' ninja -C "build/$preset" "$@" >&2 || fail "the build failed"
    else
        ninja -C "build/$preset" --quiet "$@" >"$prepare_log" 2>&1 ||
            { cat "$prepare_log" >&2; fail "the build failed"; }
    fi
}

build_packages=(ca-certificates cmake ninja-build gcc g++ pkg-config libmicrohttpd-dev libsimdjson-dev
    libsqlite3-dev libcurl4-openssl-dev libcairo2-dev libpango1.0-dev libxlsxwriter-dev fonts-dejavu-core)
cmake_extra=()
mkdir -p build
prepare_log=$PWD/build/prepare.log
