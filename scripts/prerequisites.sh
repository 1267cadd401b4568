#!/bin/sh
# Checks everything that the Makefile needs from the system, and names all that is missing in one apt line.
#
#   scripts/prerequisites.sh PYTHON          what `make run` needs
#   scripts/prerequisites.sh PYTHON build    without what only a running stack needs (libpython, curl)
python=${1:-python3}
scope=${2:-run}

codename=$(sed -n 's/^VERSION_CODENAME=//p' /etc/os-release 2>/dev/null)
case $codename in
  bookworm) version=3.11 ;;
  noble) version=3.12 ;;
  *) version= ;;
esac

packages=
problem=
if command -v "$python" >/dev/null 2>&1; then
  # One line each: `package NAME` for what apt can add, `problem TEXT` for what it cannot.
  found=$("$python" -I - "$scope" 2>&1 <<'END'
import ctypes, os, sys, sysconfig
version = "%d.%d" % sys.version_info[:2]
if version not in ("3.11", "3.12"):
    print("problem %s is Python %s; Raseed needs 3.11 or 3.12 (choose one with PYTHON=...)" % (sys.executable, version))
    sys.exit()
try:
    import ensurepip, venv
except ImportError:
    print("package python%s-venv" % version)
if sys.argv[1] == "run":
    # Triton starts the models in a Python of its own making, which loads this interpreter's shared library.
    name = sysconfig.get_config_var("INSTSONAME") or ""
    folder = sysconfig.get_config_var("LIBDIR") or ""
    if ".so" not in name:
        print("problem %s was built without a shared library, which Triton needs (choose another with PYTHON=...)" % sys.executable)
    else:
        for path in (os.path.join(folder, name), name):
            try:
                ctypes.CDLL(path)
                break
            except OSError:
                pass
        else:
            print("package libpython%s" % version)
END
) || problem="$python does not run: $found"
  packages=$(printf '%s\n' "$found" | sed -n 's/^package //p' | tr '\n' ' ')
  [ -n "$problem" ] || problem=$(printf '%s\n' "$found" | sed -n 's/^problem //p')
elif [ "$python" = python3 ]; then
  packages="python3 python3-venv "
  [ "$scope" = run ] && [ -n "$version" ] && packages="${packages}libpython$version "
else
  problem="$python: not found (chosen with PYTHON=...)"
fi
if [ "$scope" = run ] && ! command -v curl >/dev/null 2>&1; then packages="${packages}curl "; fi

[ -z "$packages$problem" ] && exit 0
[ -n "$problem" ] && echo "$problem" >&2
if [ -n "$packages" ]; then
  root=$([ "$(id -u)" = 0 ] || echo "sudo ")
  echo "Missing from this system. Install it with:" >&2
  echo "  ${root}apt-get install -y ${packages% }" >&2
fi
exit 1
