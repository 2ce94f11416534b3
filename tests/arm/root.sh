#!/usr/bin/env bash
# Build .arm/ for `make test-arm`: the Python of a 64-bit Arm Debian, and packages from PyPI;
# and that of a 32-bit one with Debian's NumPy and Pillow, as PyPI has none for it.
set -euo pipefail
cd "$(dirname "$0")/../.."

if ! type apt-get qemu-aarch64 qemu-arm >/dev/null 2>&1; then
    echo "make test-arm needs Debian, and a package that root installs: apt-get install qemu-user" >&2
    exit 1
fi
mkdir -p .arm

# apt with folders of its own, in which nothing is installed: it gets all that the packages need.
get_debian() { # FOLDER ARCHITECTURE PACKAGE...
    local folder=$PWD/.arm/$1 architecture=$2 apt=$PWD/.arm/apt-$1
    shift 2
    rm -rf "$apt"
    mkdir -p "$apt/lists/partial" "$apt/archives/partial" "$apt/root"
    touch "$apt/status"
    echo "deb [signed-by=/usr/share/keyrings/debian-archive-keyring.gpg] http://deb.debian.org/debian trixie main" \
        >"$apt/sources.list"
    apt_own() {
        apt-get --quiet=2 -o APT::Architecture="$architecture" \
            -o APT::Architectures="$architecture" -o APT::Sandbox::User= -o Dir::State="$apt" \
            -o Dir::State::Status="$apt/status" -o Dir::Cache="$apt" \
            -o Dir::Etc::SourceList="$apt/sources.list" -o Dir::Etc::SourceParts=- \
            -o Acquire::Languages=none "$@"
    }
    apt_own update
    apt_own install --download-only --no-install-recommends --yes "$@"
    for package in "$apt"/archives/*.deb; do dpkg-deb --extract "$package" "$apt/root"; done
    [ -d "$apt/root/lib" ] || ln -s usr/lib "$apt/root/lib" # where programs look for their loader
    # An installation would link these two to where NumPy looks for them.
    find "$apt/root/usr/lib" -regex '.*/lib\(blas\|lapack\)\.so\.3' \
        -exec ln --symbolic --relative --target-directory "$apt/root/usr/lib/arm-linux-gnueabihf" {} +
    mv "$apt/root" "$folder"
    rm -r "$apt"
}

# The same versions as on this machine, so that Arm is the only difference.
get_packages() { # FOLDER ARGUMENT...
    rm -rf ".arm/$1" ".arm/$1.part"
    .venv/bin/uv pip install --quiet --target ".arm/$1.part" --constraint .arm/versions.new \
        --python-version 3.13 --only-binary :all: "${@:2}"
    mv ".arm/$1.part" ".arm/$1"
}

# All are kept; a folder is renamed only when complete.
declare -A debians
start_debian() { # as get_debian
    if [ ! -d ".arm/$1" ]; then
        get_debian "$@" >".arm/$1.log" 2>&1 &
        debians[$1]=$!
    fi
}
start_debian debian arm64 python3 libgomp1 libstdc++6
start_debian debian-armhf armhf python3 python3-numpy python3-pil
.venv/bin/uv pip freeze --exclude-editable >.arm/versions.new
if ! cmp --silent .arm/versions.new .arm/versions || [ ! -d .arm/packages-armhf ]; then
    get_packages packages --python-platform aarch64-manylinux_2_28 --requirements pyproject.toml
    get_packages packages-armhf typer # Debian's is too old; pure Python
    mv .arm/versions.new .arm/versions
fi
for folder in "${!debians[@]}"; do
    wait "${debians[$folder]}" || { tail -3 ".arm/$folder.log" >&2; exit 1; }
done
echo "the Arm roots are ready after $SECONDS s"
