#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""conform.py COMMAND ENGINE REFUSED FOLDER COUNT: vyre conform.

Fails as well when fewer cases than COUNT are met or refused. Engines other
than the reference need a device; without one, skipped."""

import re
import subprocess
import sys

SKIPPED = 77

command, engine, refused, folder, count = sys.argv[1:]
if engine != "reference" and subprocess.run(
        [command, "devices"], stdout=subprocess.DEVNULL,
        check=False).returncode != 0:
    sys.exit(SKIPPED)
done = subprocess.run([command, "conform", f"--engine={engine}",
                       f"--refused={refused}", folder],
                      stdout=subprocess.PIPE, text=True, check=False)
print(done.stdout, end="")
summary = re.search(r"^(\d+) passed, (\d+) failed, (\d+) refused\n\Z",
                    done.stdout, re.MULTILINE)
if not summary:
    sys.exit("no summary")
met = int(summary[1]) + int(summary[3])
if met < int(count):
    sys.exit(f"{met} cases of {count}")
sys.exit(done.returncode)
