#!/bin/sh
# Makes the virtual environment FOLDER and installs the pinned requirements; does nothing when that is done already.
#   [PYTHON=python3.12] sh sandbox/venv.sh FOLDER
set -eu
venv=$1
stamp=$venv/requirements.installed
inside() { if [ -d "$venv/Scripts" ]; then "$venv/Scripts/python" "$@"; else "$venv/bin/python" "$@"; fi; } # Scripts: Windows
wanted() { cat requirements.txt requirements-dev.txt; }

# whole and with the same requirements: nothing to do, nothing asked of the network
if [ -f "$stamp" ] && wanted | cmp -s - "$stamp" && inside -c '' 2>/dev/null; then
    exit 0
fi

suitable='import sys, venv, ensurepip; sys.exit(not (3, 11) <= sys.version_info[:2] <= (3, 13))'

if ! inside -c "$suitable; import pip" 2>/dev/null; then
    chosen=
    for candidate in ${PYTHON:-python3 python3.12 python3.11 python3.13 python}; do
        if "$candidate" -c "$suitable" 2>/dev/null; then
            chosen=$candidate
            break
        fi
    done
    if [ -z "$chosen" ]; then
        echo "Holdfast needs Python 3.11, 3.12 or 3.13 with its venv module. Looked at:" >&2
        for candidate in ${PYTHON:-python3 python3.12 python3.11 python3.13 python}; do
            echo "  $candidate: $("$candidate" --version 2>/dev/null || echo "not there")" >&2
        done
        echo "Install one of these versions (on Debian and Ubuntu also python3-venv), or name it: make venv PYTHON=/path/to/python3.12" >&2
        exit 1
    fi
    echo "making $venv with $("$chosen" --version) ..."
    "$chosen" -m venv --clear "$venv"
fi

echo "installing the pinned Python packages into $venv (once, about half a minute) ..."
log=$venv/pip.log
if ! inside -m pip install --quiet --disable-pip-version-check -r requirements-dev.txt > "$log" 2>&1; then
    grep -v '^WARNING' "$log" | tail -n 15 >&2
    echo "The Python packages could not be installed (all of pip's words: $log). Is there a way to a package index?" >&2
    exit 1
fi
wanted > "$stamp.part"
mv "$stamp.part" "$stamp"
