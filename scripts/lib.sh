# Shared by the scripts beside it: environments that set themselves up, quietly and once.
# shellcheck shell=bash

set -euo pipefail
repo=$(cd "$(dirname "${BASH_SOURCE[0]}")/.." && pwd)
cd "$repo"
PATH=$PATH:/usr/local/sbin:/usr/sbin:/sbin # mosquitto and systemd's tools, for ordinary users too
export PATH PIP_DISABLE_PIP_VERSION_CHECK=1 PIP_ROOT_USER_ACTION=ignore

say() { echo "${0##*/}: $*" >&2; }

die() {
  say "$*"
  exit 1
}

# Installs the system packages whose command is missing: `need mosquitto ffmpeg systemd-analyze:systemd`.
# As root on Debian it does so; else it says how, and returns 1.
need() {
  local item missing=()
  for item in "$@"; do
    command -v "${item%%:*}" >/dev/null || missing+=("${item##*:}")
  done
  install_packages "${missing[@]}"
}

install_packages() {
  (($#)) || return 0
  if [[ $EUID != 0 ]] || ! command -v apt-get >/dev/null; then
    say "missing; to install: sudo apt-get install $*"
    return 1
  fi
  say "installing $*"
  export DEBIAN_FRONTEND=noninteractive
  { apt-get update -qq && apt-get install -y -qq --no-install-recommends "$@"; } \
    >/tmp/emotion-edge-apt.log 2>&1 </dev/null || {
    tail -n 5 /tmp/emotion-edge-apt.log >&2
    return 1
  }
}

# Prints an interpreter of 3.11 or newer, or exactly of the version given.
# shellcheck disable=SC2120 # the argument is given in another file
find_python() { # [VERSION]
  local candidate
  for candidate in ${1:+python$1} python3 python3.13 python3.12 python3.11; do
    if "$candidate" -c "import sys
v = '.'.join(map(str, sys.version_info[:2]))
sys.exit(not (v == '${1:-}' or ('' == '${1:-}' and sys.version_info >= (3, 11))))" 2>/dev/null; then
      command -v "$candidate"
      return
    fi
  done
  return 1
}

# Makes the virtual environment .venv-NAME with what pip is told to install, unless it is there for
# the same packages already. Sets `venv`.
venv=
environment() { # NAME PYTHON PIP-ARGUMENT...
  local name=$1 python=$2 stamp
  shift 2
  venv=${EMOTION_EDGE_VENVS:-$repo}/.venv-$name
  stamp=$({
    "$python" -VV
    echo "$repo" "$@"
    cat pyproject.toml
  } | sha256sum)
  [[ $(cat "$venv/stamp" 2>/dev/null) != "$stamp" ]] || return 0
  "$python" -c 'import ensurepip, venv' 2>/dev/null ||
    install_packages python3-venv || die "$python cannot make virtual environments"
  say "setting up $venv"
  rm -rf "$venv"
  "$python" -m venv "$venv"
  "$venv/bin/python" -m pip install --quiet "$@" </dev/null ||
    die "the packages for $venv could not be installed; see above"
  echo "$stamp" >"$venv/stamp"
}

# The environment that tests and checks share.
test_environment() {
  local python
  # shellcheck disable=SC2119 # the version may be left out
  python=$(find_python) || die "Python 3.11 or newer not found; try: apt-get install python3"
  environment test "$python" --editable '.[test,lint]'
}
