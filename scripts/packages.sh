# Sourced by run, test and bench: installs what is missing of Debian's packages, and says so.

# need_packages NAME...: makes sure that these packages are installed.
need_packages() {
    local missing=() name
    for name in "$@"; do
        dpkg-query -W -f='${Status}' "$name" 2>/dev/null | grep -q '^install ok installed' || missing+=("$name")
    done
    [ ${#missing[@]} -eq 0 ] && return 0
    echo "== installing: ${missing[*]}"
    local sudo=""
    if [ "$(id -u)" -ne 0 ]; then
        sudo="sudo"
        command -v sudo >/dev/null || {
            echo "These packages are missing and only root can install them: ${missing[*]}" >&2
            return 1
        }
    fi
    export DEBIAN_FRONTEND=noninteractive
    $sudo apt-get update -qq || return 1
    $sudo apt-get install -y -qq --no-install-recommends "${missing[@]}" >/dev/null || {
        echo "apt-get could not install: ${missing[*]}" >&2
        return 1
    }
}

# need_swift: makes sure that a Swift 6.2 or newer is on the path.
need_swift() {
    local version
    version=$(swift --version 2>/dev/null | sed -n 's/.*Swift version \([0-9]*\)\.\([0-9]*\).*/\1 \2/p' | head -1)
    set -- $version
    if [ -z "${1:-}" ] || [ "$1" -lt 6 ] || { [ "$1" -eq 6 ] && [ "$2" -lt 2 ]; }; then
        echo "Muster needs Swift 6.2 or newer on the path: https://www.swift.org/install/linux/" >&2
        return 1
    fi
}

# What building needs.
build_packages=(libssl-dev libxml2-dev libsqlite3-dev libc-ares-dev zlib1g-dev libmimalloc-dev pkg-config)
