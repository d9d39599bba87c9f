#!/bin/sh
# Installs what is missing, builds gstvyre, and runs its main job on a real
# file: every byte of it goes through a GPU that interprets two programs.
#
#   sh docs/quickstart.sh [FILE]
#
# FILE: by default the largest shared library of this machine that is not over
# 64 MiB. Without a GPU Mesa's lavapipe is the Vulkan device: a CPU that
# interprets the interpreter, good for a few MB/s.
set -eu
cd "$(dirname "$0")/.."

sh docs/install-packages.sh docs/packages.txt

build=build-quickstart
log=$build/setup.log
mkdir -p $build
if [ ! -e $build/build.ninja ]; then
  echo "building (log: $log)"
  meson setup $build --buildtype=release -Dtests=false > $log 2>&1 || {
    tail -20 $log; exit 1; }
fi
ninja -C $build > $log 2>&1 || { tail -20 $log; exit 1; }

export GST_PLUGIN_PATH="$PWD/$build/gst"
export GST_REGISTRY_1_0="$PWD/$build/registry.bin"
export VYRE_PROGRAMS_PATH="$PWD/runtime/programs"
vyre=$build/runtime/cli/vyre

file=${1:-}
if [ -z "$file" ]; then
  file=$(find /usr/lib -xdev -type f -name '*.so*' -size -64M -printf '%s %p\n' |
    sort -rn | head -n 1 | cut -d' ' -f2-)
fi
size=$(stat -c %s "$file")
out=$(mktemp "${TMPDIR:-/tmp}/vyre-quickstart.XXXXXX")
messages=$(mktemp "${TMPDIR:-/tmp}/vyre-messages.XXXXXX")
trap 'rm -f "$out" "$messages"' EXIT
trap 'exit 130' INT TERM

echo
echo "devices:"
$vyre devices
echo
echo "file: $file, $size bytes"
echo "program: every ASCII letter to upper case, runtime/programs/ascii-upper.vyre"
pipeline="vyresrc location=FILE ! vyreinterp program=ascii-upper ! vyrestats ! filesink location=OUT"
echo "gst-launch-1.0 $pipeline"
start=$(date +%s%N)
gst-launch-1.0 -m vyresrc location="$file" ! vyreinterp program=ascii-upper ! \
  vyrestats ! filesink location="$out" 2>&1 | tee "$messages" |
  awk -v size="$size" '
    / vyrestats, / && match($0, /, bytes=\(guint64\)[0-9]+/) {
      bytes = substr($0, RSTART + 17, RLENGTH - 17)
      printf "  %5.1f MiB of %.1f\n", bytes / 1048576, size / 1048576
      fflush()
    }
    /^ERROR|^WARNING|^Additional/ { print }'
end=$(date +%s%N)
if grep -q '^ERROR' "$messages"; then exit 1; fi

echo
printf 'checked against tr: '
if LC_ALL=C tr a-z A-Z < "$file" | cmp -s - "$out"; then
  echo "all $size bytes are the same"
else
  echo "DIFFERENT"
  exit 1
fi
awk -v ns=$((end - start)) -v size="$size" 'BEGIN {
  printf "%.1f s from start to end, %.1f MB/s\n", ns / 1e9, size * 1e3 / ns }'

echo
echo "what the ring and the runtime say (last vyrestats message):"
# Groups are nested structures: group=(structure)"group, name=(type)value, ...".
grep ' vyrestats, ' "$messages" | tail -n 1 | tr -d '\\"' |
  sed 's/, *\([a-z0-9-]*=(\)/\n\1/g' |
  awk -F= '
    { sub(/^ */, "") }
    /=\(structure\)/ { group = $1; next }
    group == "runtime" && /^(device-name|residency|launches|windows-done|tiles-done)=/ ||
    group == "occupancy" && /^(total-slots|queue-depth|fault)=/ ||
    group == "control" && /^(done-count|claimed|yielded|faulted|steps)=/ ||
    group == "evidence" && /^(complete|host-copy)/ ||
    group == "watchdog" && /^stalled=/ {
      value = $2; sub(/^\([a-z0-9]*\)/, "", value); sub(/[; ]+$/, "", value)
      printf "  %-9s %-24s %s\n", group, $1, value
    }'
echo
echo "next: docs/guide.md, or  $vyre --help"
