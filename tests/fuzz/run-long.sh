#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Runs every fuzzing target, one after the other, and random programs on the
# reference executor and the GPU.
#
#   run-long.sh BUILD SECONDS [TARGET...]
#
# BUILD: a build folder with -Dfuzz=true (docs/fuzzing.md). SECONDS: for each
# target. TARGET: as in the names fuzz-TARGET, or differ; all without any.
# Ends with status 1 if something was found.
set -u
build=$1
seconds=$2
shift 2
here=$(cd "$(dirname "$0")" && pwd)
folder=$(cd "$build/tests/fuzz" && pwd) || exit 2
all="wire text validate lower verify canonical bindings telemetry format
  replay reference differ"
status=0
for target in ${*:-$all}; do
  echo "== $target"
  if [ "$target" = differ ]; then
    "$folder/differ" --seconds "$seconds" --seed "$(date +%s)" || status=1
  else
    "$here/run.sh" "$target" "$folder" -max_total_time="$seconds" \
      > "$folder/$target.log" 2>&1 || {
      status=1
      tail -n 40 "$folder/$target.log"
    }
    grep -E '^#[0-9]+.*(DONE|pulse)' "$folder/$target.log" | tail -n 1
  fi
done
exit $status
