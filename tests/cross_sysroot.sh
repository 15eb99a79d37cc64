#!/usr/bin/env bash
# Unpacks the arm64 packages that the cross build links (jansson, cmocka) into build/aarch64-sysroot. Uses Debian's
# archive with package lists of its own: the system's architectures and packages stay as they are.
set -euo pipefail
cd "$(dirname "${BASH_SOURCE[0]}")/.."
sysroot=$PWD/build/aarch64-sysroot
[[ -f $sysroot/complete ]] && exit 0

rm -rf "$sysroot"
mkdir -p "$sysroot"/apt/{lists,cache/archives}/partial
cd "$sysroot/apt"
: >status
cat >apt.conf <<END
APT::Architecture "arm64";
APT::Architectures { "arm64"; };
APT::Sandbox::User "";
Dir::State::lists "$PWD/lists";
Dir::State::status "$PWD/status";
Dir::Cache "$PWD/cache";
END
export APT_CONFIG=$PWD/apt.conf
apt-get -qq update
apt-get -qq download libjansson4 libjansson-dev libcmocka0 libcmocka-dev
for package in ./*.deb; do
    dpkg -x "$package" "$sysroot"
done
cd "$sysroot"
rm -rf apt
touch complete
