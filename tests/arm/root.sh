#!/usr/bin/env bash
# Build .arm/ for `make test-arm`: the Python of a 64-bit Arm Debian, and packages from PyPI.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! type apt-get qemu-aarch64 >/dev/null 2>&1; then
    echo "make test-arm needs Debian, and a package that root installs: apt-get install qemu-user" >&2
    exit 1
fi
mkdir -p .arm

# apt with folders of its own, in which nothing is installed: it gets all that Python needs.
get_debian() {
    local apt=$PWD/.arm/apt
    rm -rf "$apt"
    mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/root"
    touch "$apt/status"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie main" \
        >"$apt/sources.list"
    apt_own() {
        apt-get --quiet=2 -o APT::Architecture=arm64 \
            -o APT::Architectures=arm64 -o APT::Sandbox::User= -o Dir::State="$apt" \
            -o Dir::State::Status="$apt/status" -o Dir::Cache="$apt" \
            -o Dir::Etc::SourceList="$apt/sources.list" -o Dir::Etc::SourceParts=- \
            -o Acquire::Languages=none "$@"
    }
    apt_own update
    apt_own install --download-only --no-install-recommends --yes python3 libgomp1 libstdc++6
    for package in "$apt"/archives/*.deb; do dpkg-deb --extract "$package" "$apt/root"; done
    [ -d "$apt/root/lib" ] || ln -s usr/lib "$apt/root/lib" # where programs look for their loader
    mv "$apt/root" .arm/debian
    rm -r "$apt"
}

# Both are kept; a folder is renamed only when complete.
if [ ! -d .arm/debian ]; then
    get_debian >.arm/debian.log 2>&1 || { tail -3 .arm/debian.log >&2; exit 1; }
fi
# The same versions as on this machine, so that Arm is the only difference.
.venv/bin/uv pip freeze --exclude-editable >.arm/versions.new
if ! cmp --silent .arm/versions.new .arm/versions; then
    rm -rf .arm/packages .arm/packages.part
    .venv/bin/uv pip install --quiet --target .arm/packages.part --constraint .arm/versions.new \
        --python-version 3.13 --only-binary :all: \
        --python-platform aarch64-manylinux_2_28 --requirements pyproject.toml
    mv .arm/packages.part .arm/packages
    mv .arm/versions.new .arm/versions
fi
echo "the Arm root is ready after $SECONDS s"
