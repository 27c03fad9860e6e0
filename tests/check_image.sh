#!/usr/bin/env bash
# What can be checked of the container image without building it: tests/check_image.sh
set -euo pipefail

cd "$(dirname "${BASH_SOURCE[0]}")/.."

readonly MAX_MB=60
readonly BASE_MB=25 # what gcr.io/distroless/cc-debian12 holds
# The libraries of that base: libc6, libgcc-s1, libgomp1, libssl3, libstdc++6
readonly BASE_LIBS='^(linux-vdso|ld-linux-.*|lib(c|m|dl|rt|util|pthread|resolv|gcc_s|gomp|ssl|crypto|stdc\+\+))\.so'
readonly BINARY=${CARGO_TARGET_DIR:-target}/release/portcullis

errors=0
stages=()
declare -A final=() # instruction → arguments, of the last stage

main() {
    local instruction arguments
    while read -r instruction arguments; do
        check_instruction "$instruction" "$arguments"
    done < <(instructions)
    check_final_stage
    check_what_is_built_in
    check_binary
    if [[ $errors -gt 0 ]]; then
        echo "image: $errors problems" >&2
        exit 1
    fi
    echo "image: ok"
}

# One instruction a line: no comments, continuation lines joined.
instructions() {
    sed -e '/^[[:space:]]*#/d' -e '/^[[:space:]]*$/d' Dockerfile |
        awk '{ if (sub(/\\$/, "")) printf "%s ", $0; else print }' | tr -s ' '
}

check_instruction() {
    local instruction=$1 arguments=$2
    case $instruction in
        FROM) check_from "$arguments" ;;
        COPY) check_copy "$arguments" ;;
        ENTRYPOINT | CMD | HEALTHCHECK | USER | VOLUME | EXPOSE) final[$instruction]=$arguments ;;
        ARG | ENV | LABEL | RUN | STOPSIGNAL | WORKDIR) ;;
        *) problem "unknown instruction $instruction" ;;
    esac
}

check_from() {
    final=()
    [[ $1 =~ ^[^[:space:]]+:[^[:space:]]+\ AS\ ([a-z]+)$ ]] || { problem "FROM without a tag or a stage name: $1"; return; }
    stages+=("${BASH_REMATCH[1]}")
}

check_copy() {
    local words=() word from=
    for word in $1; do
        case $word in
            --from=*) from=${word#--from=} ;;
            --*) ;;
            *) words+=("$word") ;;
        esac
    done
    if [[ -n $from ]]; then
        [[ " ${stages[*]} " == *" $from "* ]] || problem "COPY from an unknown stage: $from"
        return
    fi
    for word in "${words[@]:0:${#words[@]}-1}"; do
        [[ -e $word ]] || problem "COPY of something that is not there: $word"
        grep -qxF "!$word" .dockerignore || problem ".dockerignore leaves out $word"
    done
}

check_final_stage() {
    [[ ${#stages[@]} -ge 2 ]] || problem "not a multi-stage build"
    [[ ${final[USER]:-} =~ ^[1-9][0-9]*(:[1-9][0-9]*)?$ ]] || problem "USER is not a number other than root's"
    [[ ${final[VOLUME]:-} == /data ]] || problem "no VOLUME /data"
    [[ ${final[EXPOSE]:-} == 8080 ]] || problem "no EXPOSE 8080"
    # There is no shell in the image: commands are JSON lists.
    local list='\[("[^"]*"(, )?)+\]$'
    [[ ${final[ENTRYPOINT]:-} =~ ^$list ]] || problem "ENTRYPOINT is not a JSON list"
    [[ ${final[CMD]:-} =~ ^$list ]] || problem "CMD is not a JSON list"
    [[ ${final[HEALTHCHECK]:-} =~ CMD\ $list ]] || problem "HEALTHCHECK is not there, or not a JSON list"
}

# Files that the sources embed must be among those that are copied.
check_what_is_built_in() {
    local path copied
    copied=" $(instructions | sed -n 's/^COPY //p' | tr '\n' ' ') "
    while read -r path; do
        [[ ! -e $path || $copied == *" $path "* ]] || problem "src embeds something of $path, which is not copied"
    done < <(grep -rhoE 'include_(str|bytes)!\("(\.\./)+[^"/]+|migrate!\("(\./)?[^"/]+|CARGO_MANIFEST_DIR"\), *"/[^"/]+' src |
        sed -E 's#.*["/]##' | sort -u)
}

check_binary() {
    if [[ ! -x $BINARY ]]; then
        echo "image: no release binary at $BINARY, so its size and libraries were not checked"
        return
    fi
    local bytes mb library
    bytes=$(stat --format=%s "$BINARY")
    mb=$(((bytes + 999999) / 1000000 + BASE_MB))
    echo "image: $((bytes / 1000000)) MB binary, about $mb MB in all"
    [[ $mb -lt $MAX_MB ]] || problem "larger than $MAX_MB MB"
    while read -r library; do
        [[ ${library##*/} =~ $BASE_LIBS ]] || problem "the base image has no $library"
    done < <(ldd "$BINARY" | awk '{ print $1 }')
}

problem() {
    echo "image: $1" >&2
    errors=$((errors + 1))
}

main
