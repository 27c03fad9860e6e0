#!/usr/bin/env bash
# Runs every test: the Rust suite on SQLite and PostgreSQL, real client libraries, real browser pages, three nodes behind HAProxy.
# The long form of the last is tests/cluster.sh.
#
#   tests/run.sh                     everything
#   tests/run.sh rust|clients|browser|cluster
#                                    one part (or several)
#   tests/run.sh --quick             no doc tests, fewer generated cases, no Prometheus, clients on SQLite only, no browser,
#                                    no cluster
#
# Needs Rust, a C compiler and git. What else is missing (PostgreSQL, Prometheus, Chromium, Node.js, Python, httpd …) it gets with apt.
# PORTCULLIS_TEST_POSTGRES=postgres://… uses a server of yours in place of a private one.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# shellcheck source=tests/lib.sh
source tests/lib.sh

quick=false
parts=()
for argument in "$@"; do
    case $argument in
        --quick) quick=true ;;
        rust | clients | browser | cluster) parts+=("$argument") ;;
        *) sed -n '2,12s/^# \{0,1\}//p' "$0" >&2; exit 2 ;;
    esac
done
if [[ ${#parts[@]} -eq 0 ]]; then
    parts=(rust clients)
    $quick || parts+=(browser cluster)
fi

main() {
    set_up
    install_missing
    if wants rust || wants cluster || { wants clients && ! $quick; }; then start_postgres; fi

    if wants rust; then part_rust; fi
    if wants clients || wants browser || wants cluster; then
        build_server || finish
    fi
    if wants clients; then part_clients; fi
    if wants browser; then part_node browser browser; fi
    if wants cluster; then part_cluster cluster PORTCULLIS_TEST_ROUNDS=1; fi
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

part_clients() {
    if ! python_environment tests/clients/authlib/requirements.txt; then
        record "Python" 0 1 1
        return 0
    fi
    part_node clients "clients, SQLite" PORTCULLIS_TEST_TARGET=demo
    $quick || part_node clients "clients, PostgreSQL" PORTCULLIS_TEST_TARGET=postgres
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

# --- what the machine needs --------------------------------------------------------------------------------------

install_missing() {
    local packages=()
    if wants rust || wants clients || wants cluster; then
        [[ -n ${PORTCULLIS_TEST_POSTGRES:-} ]] || postgres_bin >/dev/null || packages+=(postgresql)
    fi
    if wants clients; then
        command -v oidc-gen >/dev/null || packages+=(oidc-agent-cli)
        python3 -c 'import ensurepip, venv' 2>/dev/null || packages+=(python3-venv)
        [[ -e /usr/lib/apache2/modules/mod_auth_openidc.so ]] || packages+=(libapache2-mod-auth-openidc) # starts nothing
    fi
    if wants clients || wants browser || wants cluster; then
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
    if wants cluster; then unpack_haproxy; fi
    if wants clients || wants browser || wants cluster; then
        node_is_recent || node_from_npm
    fi
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

main
