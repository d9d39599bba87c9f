#!/bin/sh
# SPDX-License-Identifier: LGPL-2.1-or-later
# Runs what tests/gpu/bundle.sh collected; all arguments go to run.py, see
# run.py --help. Wants x86-64, glibc, a Vulkan driver and python3. Logs and the
# summary go to $OUT, or to the folder `results` of the bundle.
set -eu
here=$(cd "$(dirname "$0")" && pwd)
content=${TMPDIR:-/tmp}/vyre-gpu-tests.$$
trap 'rm -rf "$content"' EXIT
mkdir "$content"
python3 -c 'import sys, tarfile
tarfile.open(sys.argv[1]).extractall(sys.argv[2])' \
  "$here/content.tar.xz" "$content"
out=${OUT:-$here/results}
script=$here/run.py
here=$content
. "$content/environment.sh"
python3 "$script" "$content" "$out" "$@"
