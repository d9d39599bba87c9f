#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Runs a libFuzzer target on the seeds that fuzz-seeds writes for it.
#
#   run.sh TARGET FOLDER [LIBFUZZER-OPTION...]
#
# FOLDER: where the executables are. Seeds, what grows of them and inputs that
# make the target fail go to FOLDER/work/TARGET; growth is kept from run to run.
set -eu
target=$1
folder=$2
shift 2
work=$folder/work/$target
mkdir -p "$work/corpus"
[ -e "$work/seeds/0000" ] || "$folder/fuzz-seeds" "$target" "$work/seeds"
dictionary=
case $target in
  text | validate | lower | canonical | reference)
    dictionary=-dict=$(dirname "$0")/programs.dict ;;
esac
export G_SLICE=always-malloc G_DEBUG=fatal-criticals
export ASAN_OPTIONS="${ASAN_OPTIONS:-allocator_may_return_null=0}"
export UBSAN_OPTIONS="${UBSAN_OPTIONS:-print_stacktrace=1}"
exec "$folder/fuzz-$target" $dictionary -timeout=30 -rss_limit_mb=3000 \
  -malloc_limit_mb=1500 -max_len=8192 -artifact_prefix="$work/failed-" \
  -print_final_stats=0 "$@" "$work/corpus" "$work/seeds"
