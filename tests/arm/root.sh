#!/usr/bin/env bash
# Build .arm/ for `make test-arm`: a 64-bit Arm Debian with Python, and packages from PyPI. Both are
# kept; digits itself is reinstalled each time.
set -euo pipefail
cd "$(dirname "$0")/../.."
PATH="$PATH:/usr/sbin"
pip() { .venv/bin/python -m pip --disable-pip-version-check "$@"; }

if ! type debootstrap fakeroot qemu-aarch64 >/dev/null 2>&1; then
    echo "make test-arm needs packages, which root installs: apt-get install debootstrap fakeroot qemu-user" >&2
    exit 1
fi
mkdir -p .arm

# A folder is renamed only when complete.
if [ ! -d .arm/debian ]; then
    rm -rf .arm/download .arm/debian.part
    fakeroot debootstrap --foreign --arch=arm64 --variant=minbase --include=python3,libgomp1,libstdc++6 \
        trixie .arm/download >.arm/debootstrap.log || { tail -3 .arm/debootstrap.log >&2; exit 1; }
    mkdir .arm/debian.part
    for package in .arm/download/var/cache/apt/archives/*.deb; do
        dpkg-deb --extract "$package" .arm/debian.part
    done
    rm -r .arm/download
    mv .arm/debian.part .arm/debian
fi

# The same versions as on this machine, so that Arm is the only difference.
pip freeze --exclude-editable >.arm/versions
if ! cmp --silent .arm/versions .arm/packages/versions; then
    rm -rf .arm/packages .arm/packages.part
    pip install --quiet --no-compile --target .arm/packages.part --constraint .arm/versions \
        --implementation cp --python-version 3.13 --only-binary=:all: \
        --platform manylinux_2_28_aarch64 --platform manylinux_2_27_aarch64 \
        --platform manylinux_2_17_aarch64 --platform manylinux2014_aarch64 .
    cp .arm/versions .arm/packages.part/
    mv .arm/packages.part .arm/packages
fi
pip install --quiet --no-compile --target .arm/packages --upgrade --no-deps .
echo "the Arm root is ready after $SECONDS s"
