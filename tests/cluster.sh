#!/usr/bin/env bash
# The long form of the tests with several nodes: rolling restarts again and again, an upgrade from the version before, and primaries
# that are lost, under Patroni, too.
#
#   tests/cluster.sh                 everything
#   tests/cluster.sh FILE …          these files of tests/cluster, and no lost primaries
#
# The version before is the newest tag v*, or without one the last commit before the newest migration: the history must be there.
# PORTCULLIS_TEST_POSTGRES=postgres://… uses a server of yours in place of a private one; PORTCULLIS_TEST_PREVIOUS_BIN=… a binary.
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

# shellcheck source=tests/lib.sh
source tests/lib.sh

main() {
    set_up
    install_missing
    start_postgres
    if [[ -z ${PORTCULLIS_TEST_PREVIOUS_BIN:-} ]]; then build_previous || finish; fi
    build_server || finish
    part_cluster "cluster" PORTCULLIS_TEST_ROUNDS="${PORTCULLIS_TEST_ROUNDS:-4}" -- "$@"
    [[ $# -gt 0 ]] || part_failover
    finish
}

install_missing() {
    local packages=()
    [[ -n ${PORTCULLIS_TEST_POSTGRES:-} ]] || postgres_bin >/dev/null || packages+=(postgresql)
    command -v node >/dev/null || packages+=(nodejs)
    command -v npm >/dev/null || packages+=(npm)
    command -v openssl >/dev/null || packages+=(openssl)
    [[ ${#packages[@]} -eq 0 ]] || apt_install "${packages[@]}"
    unpack_haproxy
    node_is_recent || node_from_npm
}

part_failover() {
    heading "lost primaries"
    unpack_patroni
    local status=0
    # shellcheck disable=SC2016 # expanded by the inner shell, which ends together with what it runs
    bounded 1800 bash -c 'set -o pipefail; log=$1; shift; "$@" 2>&1 | tee "$log"' tee "$LOGS/failover.log" \
        cargo test --locked --test it -- rows::failover || status=$?
    record "lost primaries" "$(sum_of 's/^test result: .* \([0-9]*\) passed;.*/\1/p' "$LOGS/failover.log")" \
        "$(sum_of 's/^test result: .* \([0-9]*\) failed;.*/\1/p' "$LOGS/failover.log")" "$status"
}

# --- the version before ------------------------------------------------------------------------------------------

# In the folder of all builds, since the dependencies are mostly the same; its binary is put aside before ours takes its name.
build_previous() {
    local commit home=$TARGET_DIR/previous
    commit=$(previous_commit)
    export PORTCULLIS_TEST_PREVIOUS_BIN=$home/portcullis
    heading "the version before: $(git log -1 --format='%h %s' "$commit")"
    [[ $(cat "$home/commit" 2>/dev/null) != "$commit" ]] || return 0
    rm -rf "$home"
    mkdir -p "$home/source"
    git archive "$commit" | tar --extract --directory="$home/source"
    if ! bounded 2700 cargo build --locked --manifest-path "$home/source/Cargo.toml" --target-dir "$TARGET_DIR"; then
        record "the version before" 0 1 1
        return 1
    fi
    cp "$TARGET_DIR/debug/portcullis" "$home/portcullis"
    echo "$commit" >"$home/commit"
}

# The newest release. Before the first one: the commit that the newest migration was put upon, but none from before versions
# could live side by side.
previous_commit() {
    local tag promised migrated before
    git rev-parse --git-dir >/dev/null 2>&1 || die "this is no clone with a history: set PORTCULLIS_TEST_PREVIOUS_BIN"
    [[ $(git rev-parse --is-shallow-repository) == false ]] || die "a shallow clone: git fetch --unshallow --tags, then again"
    tag=$(git tag --list 'v*' --merged HEAD --sort=-version:refname | head -n 1)
    if [[ -n $tag ]]; then
        git rev-parse "$tag^{commit}"
        return 0
    fi
    promised=$(added src/store/schema.rs)
    migrated=$(added migrations/postgres)
    [[ -n $promised && -n $migrated ]] || die "the history does not tell which version was before this one"
    before=$(git rev-parse "$migrated^1")
    if git merge-base --is-ancestor "$promised" "$before"; then echo "$before"; else echo "$promised"; fi
}

# added <path>: the last commit on the main line that added a file there
added() {
    git log -1 --first-parent --diff-merges=first-parent --no-patch --diff-filter=A --format=%H -- "$1"
}

main "$@"
