#!/bin/sh
# Builds the Apache edition of TimescaleDB, from Debian's own source package, against the installed PostgreSQL server.
#
# The result is a private copy of the server with the extension in it, below PREFIX (default: .engines/apache of the
# checkout). Nothing of the system changes: neither its apt sources and lists, nor PostgreSQL's own folders. A second
# call with the same server and package finds its work done.
#
# Needs: apt lists (`apt-get update`), postgresql-server-dev-*, build-essential, cmake, dpkg-dev, libssl-dev.
#
# Usage: scripts/build_apache_timescaledb.sh [PREFIX]
set -eu

SUITE=${COLLECTOR_TIMESCALEDB_SUITE:-trixie} # the first Debian release whose TimescaleDB is 2.18 or later

checkout=$(cd "$(dirname "$0")/.." && pwd)
prefix=${1:-$checkout/.engines/apache}

fail() {
    echo "build_apache_timescaledb: $*" >&2
    exit 1
}

for tool in apt-get cmake dpkg-source make cc; do
    command -v "$tool" >/dev/null || fail "$tool is missing (apt-get install build-essential cmake dpkg-dev)"
done

# The newest installed server that has its headers.
server=
for bin in $(ls -d /usr/lib/postgresql/*/bin 2>/dev/null | sort -t/ -k5 -n); do
    [ -x "$bin/postgres" ] && [ -x "$bin/pg_config" ] || continue
    [ -f "$("$bin/pg_config" --includedir-server)/postgres.h" ] && server=$bin
done
[ -n "$server" ] || fail "no PostgreSQL server with headers (apt-get install postgresql postgresql-server-dev-all)"
server_version=$("$server/pg_config" --version)
major=$(basename "$(dirname "$server")")

# Sources of the suite from the mirror that this machine uses already, in an apt configuration of its own.
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT INT TERM
mirror=$(apt-get indextargets --format '$(ORIGIN) $(COMPONENT) $(RELEASE) $(REPO_URI)' |
    awk '$1 == "Debian" && $2 == "main" && $3 !~ /-/ { print $4; exit }')
[ -n "$mirror" ] || fail "this machine's apt knows no Debian mirror (run apt-get update first)"
signed_by=
for keyring in /usr/share/keyrings/debian-archive-keyring.pgp /usr/share/keyrings/debian-archive-keyring.gpg; do
    [ -f "$keyring" ] && signed_by="[signed-by=$keyring]" && break
done
mkdir -p "$work/lists/partial" "$work/cache/archives/partial" "$work/source" "$work/build"
echo "deb-src $signed_by $mirror $SUITE main" >"$work/sources.list"
private_apt() {
    apt-get -qq -o "Dir::Etc::SourceList=$work/sources.list" -o Dir::Etc::SourceParts=/dev/null \
        -o "Dir::State::Lists=$work/lists" -o "Dir::Cache=$work/cache" -o APT::Sandbox::User= "$@"
}
if ! private_apt update; then
    case "$(cat "$prefix/.built" 2>/dev/null)" in
    "$server_version; "*)
        echo "$SUITE is not reachable; $prefix stays as it is"
        exit 0
        ;;
    esac
    fail "$SUITE is not reachable through this machine's mirror"
fi

package=$(private_apt source --print-uris timescaledb | awk '$2 ~ /\.dsc$/ { print $2 }')
[ -n "$package" ] || fail "$SUITE has no source package timescaledb"
mark="$server_version; $package"
if [ -f "$prefix/.built" ] && [ "$(cat "$prefix/.built")" = "$mark" ]; then
    echo "TimescaleDB ($package) for $server_version is already in $prefix"
    exit 0
fi

(cd "$work/source" && private_apt source --download-only timescaledb)
dpkg-source --no-check -x "$work/source"/*.dsc "$work/source/timescaledb" >/dev/null

# PostgreSQL finds its lib and share relative to its binaries, so a copy of the tree is a server of its own.
share=$("$server/pg_config" --sharedir)
include=$("$server/pg_config" --includedir)
new="$prefix.new"
rm -rf "$new"
mkdir -p "$new/lib/postgresql/$major" "$new/share/postgresql" "$new/include"
cp -RL "$server" "$new/lib/postgresql/$major/bin"
cp -RL "$(dirname "$server")/lib" "$new/lib/postgresql/$major/lib"
cp -RL "$share" "$new/share/postgresql/$major"
ln -s "$include" "$new/include/postgresql"
rm -f "$new/lib/postgresql/$major/lib"/timescaledb* "$new/share/postgresql/$major/extension"/timescaledb*

if ! cmake -S "$work/source/timescaledb" -B "$work/build" -DPG_CONFIG="$new/lib/postgresql/$major/bin/pg_config" \
    -DAPACHE_ONLY=1 -DREGRESS_CHECKS=OFF -DSEND_TELEMETRY_DEFAULT=OFF -DUSE_TELEMETRY=OFF -DWARNINGS_AS_ERRORS=OFF \
    -DCMAKE_BUILD_TYPE=Release >"$work/log" 2>&1 ||
    ! cmake --build "$work/build" --parallel "$(nproc)" >>"$work/log" 2>&1 ||
    ! cmake --install "$work/build" >>"$work/log" 2>&1; then
    tail -n 15 "$work/log" >&2
    fail "the build failed"
fi
chmod -R a+rX "$new"
echo "$mark" >"$new/.built"
rm -rf "$prefix"
mkdir -p "$(dirname "$prefix")"
mv "$new" "$prefix"
echo "TimescaleDB ($package) for $server_version is in $prefix"
