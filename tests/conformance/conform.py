#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""conform.py COMMAND ENGINE FOLDER...: vyre conform.

Engines other than the reference need a device; without one, skipped."""

import subprocess
import sys

SKIPPED = 77

command, engine, *folders = sys.argv[1:]
if engine != "reference" and subprocess.run(
        [command, "devices"], stdout=subprocess.DEVNULL,
        check=False).returncode != 0:
    sys.exit(SKIPPED)
sys.exit(subprocess.run([command, "conform", "--engine", engine, *folders],
                        check=False).returncode)
