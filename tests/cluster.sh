#!/usr/bin/env bash
# The long form of the tests with several nodes: rolling restarts again and again, and an upgrade from the version before.
#
#   tests/cluster.sh                 everything
#   tests/cluster.sh FILE …          these files of tests/cluster
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
