#!/bin/sh
# Installs what is missing, builds, runs every test. The last line counts them.
#
#   sh tests/run.sh [--long] [--quick]
#
#   --long    the long versions too (100 MiB files, 4 MiB sequential scans, shares
#             over 10 s, a mix of elements for 10 minutes)
#   --quick   the plain build only, no sanitizer builds
#
# VIR0 conformance fixtures are read from $VYRE_FIXTURES, else from a folder
# shared/fixtures beside the project; without them those tests are skipped.
set -eu
cd "$(dirname "$0")/.."
long=0
quick=0
for argument; do
  case $argument in
    --long) long=1 ;;
    --quick) quick=1 ;;
    *) sed -n '2,12p' "$0"; exit 2 ;;
  esac
done

sh docs/install-packages.sh docs/packages.txt docs/packages-test.txt

fixtures=${VYRE_FIXTURES:-}
if [ -z "$fixtures" ] && [ -d ../shared/fixtures ]; then
  fixtures=$(cd ../shared/fixtures && pwd)
fi
[ -n "$fixtures" ] || echo "no conformance fixtures: set VYRE_FIXTURES to test against them"

root=${VYRE_TEST_BUILD:-build-test}
mkdir -p "$root"
# One shader cache for all builds: the kernels are the same.
export MESA_SHADER_CACHE_DIR="$PWD/$root/shader-cache"
export VYRE_TEST_LONG=$long
patience=1
[ "$long" = 0 ] || patience=10
failed_builds=0
logs=

# build NAME COMPILER OPTIONS...; then the tests named by $suites.
run_build() {
  name=$1; compiler=$2; suites=$3
  shift 3
  dir=$root/$name
  echo "== $name ($compiler)"
  if [ ! -e "$dir/build.ninja" ]; then
    rm -rf "$dir"
    CC=$compiler meson setup "$dir" -Dwerror=true -Dfixtures="$fixtures" \
      "$@" > "$root/$name-setup.log" 2>&1 || {
        cat "$root/$name-setup.log"; failed_builds=$((failed_builds + 1)); return; }
  else
    meson configure "$dir" -Dfixtures="$fixtures" > /dev/null
  fi
  if ! ninja -C "$dir" > "$root/$name-build.log" 2>&1; then
    grep -E 'error|warning|FAILED' "$root/$name-build.log" | head -40
    failed_builds=$((failed_builds + 1))
    return
  fi
  # shellcheck disable=SC2086
  meson test -C "$dir" --print-errorlogs --no-rebuild -t $patience $suites || true
  logs="$logs $dir/meson-logs/testlog.json"
}

run_build plain gcc ""
if [ "$quick" = 0 ]; then
  # Leaks are looked for by LeakSanitizer; drivers' own are suppressed, with
  # their reasons, in tests/lsan.supp.
  run_build asan clang "--no-suite slow" -Db_sanitize=address,undefined \
    -Db_lundef=false
  run_build fuzz clang "--suite fuzz" -Dfuzz=true \
    -Db_sanitize=address,undefined -Db_lundef=false
  run_build tsan clang "--suite threads --suite ingest --suite ring" -Db_sanitize=thread -Db_lundef=false
fi

# shellcheck disable=SC2086
python3 tests/count.py $failed_builds $logs
