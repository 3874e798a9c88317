#!/bin/sh
# Makes .venv with exactly what requirements.lock names, and the command .venv/bin/phoneagent.
# Quick when nothing has changed. PYTHON=… chooses the interpreter of a new .venv.
set -eu
cd "$(dirname "$0")/.."

venv=.venv
stamp=$venv/.set-up
wanted="$(cat requirements.lock scripts/setup.sh | cksum) $PWD"

fail() {
    echo "setup: $*" >&2
    exit 1
}

python_works() { # <interpreter> [<first version that is too new>]
    "$1" -c "import sys; raise SystemExit(not (3, 11) <= sys.version_info[:2] < (3, ${2:-99}))" 2>/dev/null
}

# Installs Debian packages as root; else says how.
need() { # <why> <package>…
    why=$1
    shift
    command -v apt-get >/dev/null || fail "$why is missing; install it and try again (Debian's name for it: $*)"
    [ "$(id -u)" = 0 ] || fail "$why is missing; install it with: sudo apt-get install $*"
    echo "setup: $why is missing, installing $*"
    export DEBIAN_FRONTEND=noninteractive
    { apt-get update -qq && apt-get install -qq -y --no-install-recommends "$@" >/dev/null; } ||
        fail "$why could not be installed; try: apt-get install $*"
}

find_python() {
    if [ -n "${PYTHON:-}" ]; then
        python_works "$PYTHON" || fail "PYTHON=$PYTHON is not Python 3.11 or newer"
        echo "$PYTHON"
        return
    fi
    # 3.14 and newer come last: not every dependency has a wheel for them yet
    for python in python3.13 python3.12 python3.11 python3; do
        if python_works "$python" 14; then
            echo "$python"
            return
        fi
    done
    python_works python3 || fail "Python 3.11 or newer is missing; on Debian 12 or newer: apt-get install python3"
    echo python3
}

install() {
    # compiled below on all cores: pip would use one of them
    $venv/bin/python -m pip install --quiet --disable-pip-version-check --no-compile --require-hashes \
        -r requirements.lock || return
    $venv/bin/python -m compileall -qq -j 0 $venv/lib || true # a few files are for other Pythons
}

if [ "$(cat $stamp 2>/dev/null)" = "$wanted" ] && python_works $venv/bin/python; then
    exit 0
fi
[ -w . ] || fail "$PWD cannot be written to; clone into a folder of your own"

if ! python_works $venv/bin/python || ! $venv/bin/python -m pip --version >/dev/null 2>&1; then
    python=$(find_python)
    if ! "$python" -c "import ensurepip, venv" 2>/dev/null; then
        need "Python's venv module" "$("$python" -c 'import sys; print("python%d.%d-venv" % sys.version_info[:2])')"
    fi
    "$python" -m venv --clear $venv
fi

echo "setup: installing dependencies for $($venv/bin/python --version) into $venv (once, about a minute)"
if ! install; then
    command -v cc >/dev/null && fail "the dependencies could not be installed, see above"
    # a package without a wheel for this machine is built from its source
    need "a C compiler" build-essential "$($venv/bin/python -c 'import sys; print("python%d.%d-dev" % sys.version_info[:2])')"
    install || fail "the dependencies could not be installed, see above"
fi

# What an editable install would leave behind, without its build tools.
echo "$PWD" >"$($venv/bin/python -c 'import sysconfig; print(sysconfig.get_path("purelib"))')/phoneagent.pth"
cat >$venv/bin/phoneagent <<'END'
#!/bin/sh
'''exec' "$(dirname "$(readlink -f "$0")")/python" "$0" "$@"
' '''
from phoneagent.cli import main

if __name__ == "__main__":
    main()
END
chmod +x $venv/bin/phoneagent
echo "$wanted" >$stamp
