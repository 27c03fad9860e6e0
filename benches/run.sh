#!/usr/bin/env bash
# The benchmark: the whole server under load, on SQLite and on PostgreSQL, beside what limits it and beside other servers of its
# kind. Writes a table to target/benchmark.md and to standard output. A quarter of an hour on two cores, once everything is built.
#
#   benches/run.sh                          everything
#   benches/run.sh --quick                  a few minutes: fewer and shorter rounds, growth to 100,000 rows
#   benches/run.sh --only refresh,code      workloads by (parts of) their names; also mix, growth, starts
#   benches/run.sh --growth 10000,1000000   other numbers of rows
#   benches/run.sh --report FILE            another file
#   benches/run.sh --profile NAME           another build profile than `bench`, such as `profiling`, which builds sooner
#
# Needs Rust and a C compiler. What else is missing (PostgreSQL, Node.js) it gets with apt. Databases lie below target, on its disk.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# shellcheck source=tests/lib.sh
source tests/lib.sh

BENCHMARK_COMMAND="benches/run.sh${*:+ $*}" # as it stands in the report
export BENCHMARK_COMMAND

report=$TARGET_DIR/benchmark.md
profile=bench
options=()
while [[ $# -gt 0 ]]; do
    case $1 in
        --quick) options+=("$1") ;;
        --only | --growth) options+=("$1" "${2:?$1 needs a value}"); shift ;;
        --report) report=$(realpath --canonicalize-missing "${2:?$1 needs a file}"); shift ;;
        --profile) profile=${2:?$1 needs a name}; shift ;;
        *) sed -n '2,13s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
    shift
done

main() {
    mkdir -p "$LOGS" "$TARGET_DIR/benchmark"
    trap clean_up EXIT
    trap 'exit 130' INT TERM
    install_what_is_missing
    heading "cargo bench --no-run"
    bounded 2700 cargo bench --locked --profile "$profile" --bench server --no-run
    make_scratch
    start_durable_postgres
    heading "benchmark"
    bounded 1750 cargo bench --locked --profile "$profile" --bench server -- --folder "$scratch" --report "$report" \
        --postgres "$PORTCULLIS_BENCH_POSTGRES" --postgres-process "$(head -n 1 "$scratch/postgres/data/postmaster.pid")" \
        "${options[@]}"
    heading "report: $report"
}

install_what_is_missing() {
    local packages=()
    postgres_bin >/dev/null || packages+=(postgresql)
    command -v node >/dev/null || packages+=(nodejs)
    command -v npm >/dev/null || packages+=(npm)
    [[ ${#packages[@]} -eq 0 ]] || apt_install "${packages[@]}"
    node_is_recent || node_from_npm
    # Where a registry lacks one of the other servers, or is out of reach, the rest is measured all the same.
    npm_ci benches/peers/oidc-provider || echo "no oidc-provider: left out" >&2
    export BENCHMARK_GLEWLWYD=$TARGET_DIR/glewlwyd
    bounded 300 benches/peers/glewlwyd/unpack.sh "$BENCHMARK_GLEWLWYD" || echo "no glewlwyd: left out" >&2
}

# Below target, since /tmp may be memory; elsewhere on a disk where PostgreSQL's user cannot get there.
make_scratch() {
    scratch=$(mktemp -d "$TARGET_DIR/benchmark/XXXXXX")
    chmod 755 "$scratch"
    if ! as_unprivileged test -x "$scratch"; then
        rm -r "$scratch"
        scratch=$(mktemp -d /var/tmp/portcullis-benchmark.XXXXXX)
        chmod 755 "$scratch"
    fi
    export TMPDIR=$scratch
}

# Commits reach the disk before they are acknowledged, as with everybody who cares. The settings are those of a small server;
# write-ahead log is kept long enough for commits to be counted in it, and checkpoints are spread as by default.
start_durable_postgres() {
    local bin home=$scratch/postgres
    bin=$(postgres_bin) || die "no PostgreSQL server found"
    mkdir "$home"
    [[ $EUID -ne 0 ]] || chown "$(unprivileged)" "$home"
    as_unprivileged timeout 120 "$bin/initdb" --pgdata="$home/data" --username=postgres --auth=trust \
        --encoding=UTF8 --locale=C.UTF-8 >"$LOGS/initdb.log" 2>&1 || die "initdb failed, see $LOGS/initdb.log"

    local attempt port settings
    for attempt in 1 2 3 4 5; do
        port=$((20000 + RANDOM % 12000)) # below the range the kernel hands out
        settings="-p $port -k $home -c listen_addresses=127.0.0.1 -c max_connections=200 -c fsync=on"
        settings+=" -c synchronous_commit=on -c shared_buffers=256MB -c max_wal_size=4GB -c wal_keep_size=1GB"
        if as_unprivileged timeout 60 "$bin/pg_ctl" start --wait --timeout=45 --silent --pgdata="$home/data" \
            --log="$home/log" --options="$settings" >/dev/null 2>&1; then
            PORTCULLIS_BENCH_POSTGRES=postgres://postgres@127.0.0.1:$port/postgres
            return 0
        fi
    done
    die "PostgreSQL did not start ($attempt attempts): $(tail -n 5 "$home/log" 2>&1)"
}

main
