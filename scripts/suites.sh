# Test suites beside each other. Wants `repo` of lib.sh.
# shellcheck shell=bash

# Runs pytest with a cache of its own, in which it leaves what failed.
suite() { # NAME COMMAND...
  local -x PYTEST_ADDOPTS="-o cache_dir=$repo/build/pytest-$1"
  rm -rf "build/pytest-$1"
  shift
  "$@"
}

# Runs once more, by itself, what failed beside other tests: those may have kept the machine busy for
# minutes. Names what then passes. More than a few are no accident, and other exit codes of pytest
# than 1, "tests failed", stay failures.
unsteady_most=3
alone() { # NAME PYTHON EXIT-CODE
  local failed
  (($3)) || return 0
  (($3 == 1)) || return "$3"
  mapfile -t failed < <("$2" -c 'import json, sys; print(*json.load(open(sys.argv[1])), sep="\n")' \
    "build/pytest-$1/v/cache/lastfailed")
  ((0 < ${#failed[@]} && ${#failed[@]} <= unsteady_most)) || return 1
  "$2" -m pytest -m '' "${failed[@]}" || return 1
  printf 'UNSTEADY: %s failed beside other tests and passed alone\n' "${failed[@]}"
}

# Tests beside others: what they print comes in the end. The device's come first where several want
# the processor: some of theirs are about time.
declare -A beside=() codes=() # process and exit code by name
beside() { # NAME COMMAND...
  local name=$1
  mkdir -p build
  suite "$@" >"build/$name.log" 2>&1 &
  beside[$name]=$!
  trap 'kill "${beside[@]}" 2>/dev/null || true' EXIT # with none left, kill fails
}

finish() { # NAME
  codes[$1]=0
  wait "${beside[$1]}" || codes[$1]=$?
  unset "beside[$1]"
  echo "== $1, beside the others" >&2
  cat "build/$1.log"
}
