#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Collects the tests that want a GPU in one folder, for a machine without a
# build: conformance, engine tests, random programs and, from a build with
# -Dfuzz=true, libFuzzer targets for the cores that are left.
#
#   sh tests/gpu/bundle.sh BUILD FOLDER [FIXTURES [BUILD-FUZZ]]
#   sh FOLDER/run.sh                                      # there
#
# FIXTURES: the recorded cases (docs/conformance.md); those that BUILD was set up
# with if left out or empty.
set -eu
[ $# -ge 2 ] && [ $# -le 4 ] || { sed -n '3,11p' "$0"; exit 2; }
build=$1
to=$2
fixtures=${3:-}
fuzz=${4:-}
here=$(cd "$(dirname "$0")" && pwd)
source=$here/../..
. "$here/../bundle/libraries.sh"
targets="wire text canonical telemetry format replay"

if [ -z "$fixtures" ]; then
  fixtures=$(meson introspect --buildoptions "$build" |
    python3 -c 'import json, sys
print(next(o["value"] for o in json.load(sys.stdin) if o["name"] == "fixtures"))')
fi
[ -d "$fixtures" ] || { echo "no folder of fixtures: '$fixtures'" >&2; exit 1; }

work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
content=$work/content
mkdir -p "$to" "$content/programs" "$content/fixtures" "$content/bin"
cp "$source"/runtime/programs/*.vyre "$source"/runtime/programs/*.formats \
  "$content/programs/"
cp "$source/tests/conformance/conform.py" \
  "$source/tests/conformance/functions.py" \
  "$source/tests/conformance/refused.txt" "$content/"
cp -r "$fixtures"/. "$content/fixtures/"
# Folders and how many cases each must have are the build's.
meson introspect --tests "$build" | python3 -c 'import json, sys
counts = {}
for test in json.load(sys.stdin):
    if test["name"].startswith("conform-reference-"):
        folder, count = test["cmd"][-2:]
        counts[folder.rsplit("/", 1)[-1]] = int(count)
if not counts:
    sys.exit("the build has no conformance tests; set it up with -Dfixtures=")
json.dump(counts, sys.stdout)' > "$content/conform.json"
for file in runtime/cli/vyre tests/fuzz/differ tests/unit/device/copy; do
  strip -o "$content/bin/$(basename "$file")" "$build/$file"
done
for test in engine builtins devices hostile endless workgroups snapshot \
  prepared offer replay monitor tenant-stats restart exit partition \
  side-by-side; do
  strip -o "$content/bin/test-$test" "$build/tests/unit/engine/test-$test"
done
for test in fixtures programs grouped random; do
  strip -o "$content/bin/test-jit-$test" "$build/tests/unit/jit/test-jit-$test"
done
strip -o "$content/bin/test-replay-builtins" \
  "$build/tests/replay/test-replay-builtins"
for test in src interp interp-stream interp-fault interp-many interp-print \
  interp-exit interp-quiet stats mixed hang; do
  strip -o "$content/bin/test-$test" "$build/tests/elements/test-$test"
done
# The plugins that element tests load.
mkdir "$content/plugins" "$content/gst"
cp "$build/gst/libgstvyre.so" "$content/gst/"
for plugin in app coreelements coretracers playback rawparse typefindfunctions \
  wavparse; do
  cp "$(pkg-config --variable=pluginsdir gstreamer-1.0)/libgst$plugin.so" \
    "$content/plugins/"
done
if [ -n "$fuzz" ]; then
  cp "$source/tests/fuzz/programs.dict" "$content/"
  for target in $targets; do
    strip -o "$content/bin/fuzz-$target" "$fuzz/tests/fuzz/fuzz-$target"
    VYRE_FIXTURES=$fixtures VYRE_PROGRAMS_PATH=$content/programs \
      "$fuzz/tests/fuzz/fuzz-seeds" "$target" "$content/seeds/$target"
  done
fi
bundle_libraries "$build" "$content" "$content"/bin/* "$content"/plugins/* \
  "$content"/gst/*
for library in "$content"/lib/libvyre.so*; do
  strip "$library"
done

# The executables are much alike: packed together, with a window that spans
# several of them, they take a fraction of their size.
XZ_OPT=--lzma2=preset=3,dict=64MiB tar -C "$content" -cJf "$to/content.tar.xz" .
cp "$here/run.sh" "$here/run.py" "$to/"
du -sh "$to"
