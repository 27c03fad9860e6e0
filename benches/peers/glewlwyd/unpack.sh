#!/usr/bin/env bash
# benches/peers/glewlwyd/unpack.sh <folder>: Debian's glewlwyd and the libraries that it needs and this machine lacks, unpacked there
# and not installed: the package would start a daemon. Fails where the archive has no such package; the benchmark then leaves it out.
set -euo pipefail

home=$1
[[ ! -x $home/usr/bin/glewlwyd || ! -s $home/init.sql || ! -s $home/version ]] || exit 0

simulate() { # what an installation would bring along
    apt-get -s install --no-install-recommends glewlwyd 2>/dev/null |
        awk '$1 == "Inst" && ($2 == "glewlwyd" || $2 ~ /^lib/ && $2 !~ /^libjs-|-perl$/) { print $2 }'
}

packages=$(simulate)
if ! grep -qx glewlwyd <<<"$packages" && [[ $EUID -eq 0 ]]; then # the lists may be missing
    timeout 300 apt-get -qq update
    packages=$(simulate)
fi
if ! grep -qx glewlwyd <<<"$packages"; then
    # Installed already, with all that it needs; or there is none.
    dpkg-query --show glewlwyd >/dev/null 2>&1 || { echo "glewlwyd: not in the archive" >&2; exit 1; }
    packages=glewlwyd
fi

rm -rf "$home"
mkdir -p "$home"
cd "$home"
# shellcheck disable=SC2086 # one word for each package
timeout 300 apt-get -qq -o APT::Sandbox::User=root download $packages
dpkg-deb --field glewlwyd_*.deb Version >version
for package in *.deb; do dpkg-deb --extract "$package" .; done
rm ./*.deb
gzip -dc usr/share/doc/glewlwyd/database/init.sqlite3.sql.gz >init.sql
