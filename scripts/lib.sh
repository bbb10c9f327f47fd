# Shared by the scripts beside it: a Python that fits, Debian packages, an environment that is reused while it fits.
# shellcheck shell=bash

say() { printf '%s\n' "== $*" >&2; }

die() {
    printf '%s\n' "$(basename "$0"): $*" >&2
    exit 1
}

# apt_install PACKAGE...: install what is missing, as root or through sudo.
apt_install() {
    local missing=() package
    for package in "$@"; do
        dpkg-query -W -f='${Status}' "$package" 2>/dev/null | grep -q 'ok installed' || missing+=("$package")
    done
    ((${#missing[@]})) || return 0
    command -v apt-get >/dev/null || die "needs ${missing[*]}, and there is no apt-get here: install them by hand"
    local as_root=()
    if ((EUID != 0)); then
        sudo -n true 2>/dev/null || die "needs ${missing[*]}: run 'sudo apt-get install ${missing[*]}', then this again"
        as_root=(sudo -n)
    fi
    say "installing ${missing[*]}"
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive apt-get -qq update </dev/null >/dev/null ||
        say "apt-get update failed; trying with the lists at hand"
    "${as_root[@]}" env DEBIAN_FRONTEND=noninteractive \
        apt-get -qq install -y --no-install-recommends "${missing[@]}" </dev/null >/dev/null ||
        die "apt-get could not install ${missing[*]}: its lines above say why"
}

# have COMMAND: whether a command exists, the system's folders included.
have() { PATH="$PATH:/usr/sbin:/sbin" command -v "$1" >/dev/null 2>&1; }

# need COMMAND PACKAGE: install the Debian package unless the command is there already, wherever it came from.
need() { have "$1" || apt_install "$2"; }

PYTHONS=(3.10 3.11 3.12 3.13)

# find_python VERSION: print the interpreter of a version, from PATH or from pyenv; fails where there is none.
find_python() {
    local candidate
    for candidate in "python$1" "$HOME/.pyenv/versions/$1".*/bin/python; do
        candidate=$(command -v "$candidate") || continue
        [[ $("$candidate" -c 'import sys, venv, ensurepip; print("%d.%d" % sys.version_info[:2])' 2>/dev/null) == "$1" ]] ||
            continue
        printf '%s\n' "$candidate"
        return 0
    done
    return 1
}

fits() { "$1" -c 'import sys; sys.exit(not (3, 10) <= sys.version_info[:2] < (3, 14))' 2>/dev/null; }

# pick_python: print the Python to build environments with (3.10 to 3.13), installing its venv module if it lacks one.
pick_python() {
    local candidate
    for candidate in ${TOUCHLINE_PYTHON:-} python3 python3.13 python3.12 python3.11 python3.10; do
        command -v "$candidate" >/dev/null || continue
        fits "$candidate" || continue
        if ! "$candidate" -c 'import ensurepip, venv' 2>/dev/null; then
            apt_install "$("$candidate" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')" >&2
        fi
        command -v "$candidate"
        return 0
    done
    die "needs Python 3.10 to 3.13 as python3 (or named by TOUCHLINE_PYTHON)"
}

# env_key: print what an environment depends on.
env_key() {
    local python
    python=$(pick_python) || exit 1
    { "$python" -VV; printf '%s\n' "$PWD"; cat pyproject.toml constraints.txt scripts/constraints.txt; } | sha256sum
}

# make_env FOLDER EXTRAS [REQUIREMENT...]: an environment with the project in it, editable. It is kept while the interpreter,
# pyproject.toml and the pinned tools are those it was made with; extras and requirements that it lacks are added to it.
make_env() {
    local folder=$1 extras=$2 python key what
    what=$(printf '%s ' "${@:2}")
    shift 2
    python=$(pick_python) || exit 1
    key=$(env_key) || exit 1
    if [[ ! -x $folder/bin/python || $(head -n 1 "$folder/.made-from" 2>/dev/null) != "$key" ]]; then
        say "making $folder with $("$python" -V 2>&1)"
        rm -rf "$folder"
        "$python" -m venv "$folder" || die "python -m venv $folder failed: its lines above say why"
        printf '%s\n' "$key" >"$folder/.made-from"
    fi
    ! grep -qxF -- "$what" "$folder/.made-from" || return 0
    say "installing ${what% } into $folder"
    local pip=("$folder/bin/python" -m pip --disable-pip-version-check -qq --retries 5 --timeout 60)
    "${pip[@]}" install --constraint constraints.txt --constraint scripts/constraints.txt --editable ".${extras:+[$extras]}" "$@" </dev/null ||
        die "pip could not install the requirements: its lines above say which; check the network or the index"
    printf '%s\n' "$what" >>"$folder/.made-from"
}
