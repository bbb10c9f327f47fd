#!/bin/sh
# Installs Touchline from this folder, without internet: needs nothing but Python, not even its venv package or pip.
#   sh install.sh [FOLDER]      default /opt/touchline; an older version there is replaced when the new one is complete
set -eu
umask 022
unset PYTHONPATH PYTHONHOME
here=$(cd "$(dirname "$0")" && pwd)
dest=${1:-/opt/touchline}

say() { echo "install.sh: $*" >&2; }
die() { say "$*"; exit 1; }

version=$(sed -n 's/^python=//p' "$here/target")
platform=$(sed -n 's/^platform=//p' "$here/target")
[ "$(uname -m)" = "$platform" ] || die "these wheels are for $platform, and this is $(uname -m)"
(cd "$here" && sha256sum --check --quiet SHA256SUMS) || die "the folder is damaged: copy it again"

# the system's own Python first: a service cannot see one in a home folder
python=
for candidate in /usr/bin/python"$version" /usr/bin/python3 "python$version" python3; do
    found=$(command -v "$candidate") || continue
    if "$found" -c "import sys; sys.exit('%d.%d' % sys.version_info[:2] != '$version')"; then
        python=$found
        break
    fi
done
[ -n "$python" ] || die "needs Python $version (apt-get install python3), or a folder made with --python for yours"

case $dest in /*) ;; *) dest=$PWD/$dest ;; esac
[ ! -e "$dest" ] || [ -e "$dest/bin/touchline" ] || [ -z "$(ls -A "$dest")" ] ||
    die "$dest is there and is no Touchline: name another folder"
old=
if [ -e "$dest/bin/touchline" ]; then
    old=$dest.old
    rm -rf "$old"
    mv "$dest" "$old"
fi
back() {
    rm -rf "$dest"
    [ -z "$old" ] || mv "$old" "$dest"
    die "nothing was changed"
}
trap back EXIT
trap 'exit 1' INT TERM
say "installing into $dest with $python"
"$python" -m venv --without-pip "$dest"
pip=$(echo "$here"/wheels/pip-*.whl)
"$python" "$pip/pip" --python "$dest/bin/python" --disable-pip-version-check --no-cache-dir --quiet \
    install --no-index --find-links "$here/wheels" touchline
"$dest/bin/touchline" models verify
trap - EXIT
[ -z "$old" ] || rm -rf "$old"
say "done: $dest/bin/touchline doctor says what works; $dest/bin/touchline install makes it a service"
