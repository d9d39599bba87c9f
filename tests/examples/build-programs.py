# SPDX-License-Identifier: LGPL-2.1-or-later
"""The example of docs/building-programs.md: what it writes and prints, and that
the document shows it as it is.

  build-programs.py EXECUTABLE SOURCE DOCUMENT PLUGINS...
"""
import collections
import os
import random
import re
import subprocess
import sys
import tempfile

executable, source, document, *plugins = sys.argv[1:]


def check(ok, what):
    if not ok:
        sys.exit("failed: " + what)


code = open(source).read()
blocks = re.findall(r"```c\n(.*?)```", open(document).read(), re.S)
check(len(blocks) >= 4, "the document shows the example's functions")
for block in blocks:
    check(block in code, "this is in the example:\n" + block)

with tempfile.TemporaryDirectory() as folder:
    env = dict(os.environ,
               GST_PLUGIN_SYSTEM_PATH_1_0="",
               GST_PLUGIN_PATH_1_0=":".join(plugins),
               # A scanner of its own cannot load what a sanitizer is linked to,
               # and scanning here leaves memory of GStreamer's behind: leaks of
               # ours are looked for in the element tests.
               GST_REGISTRY_FORK="no",
               ASAN_OPTIONS="detect_leaks=0",
               GST_REGISTRY_1_0=os.path.join(folder, "registry.bin"))
    for size in 1, 4, 63, 10007:
        data = random.Random(size).randbytes(size)
        names = [os.path.join(folder, n) for n in ("in", "out")]
        with open(names[0], "wb") as file:
            file.write(data)
        run = subprocess.run([executable, *names], env=env, text=True,
                             stdout=subprocess.PIPE)
        check(run.returncode == 0, f"{size} bytes: status {run.returncode}")
        result = open(names[1], "rb").read()
        check(result == bytes(b ^ 255 for b in data), f"{size} bytes inverted")
        counts = collections.Counter(data)
        found = [tuple(map(int, l.split())) for l in run.stdout.splitlines()]
        check(found == [(i, counts[i]) for i in range(256)],
              f"counts of {size} bytes: {found}")
    missing = subprocess.run([executable, folder + "/none", folder + "/out"],
                             env=env, text=True, stderr=subprocess.PIPE)
    check(missing.returncode == 1 and "none" in missing.stderr,
          "a missing file is an error that names it")
