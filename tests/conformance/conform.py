#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""conform.py COMMAND FOLDER...: vyre conform where there is a device."""

import subprocess
import sys

SKIPPED = 77

command, *folders = sys.argv[1:]
if subprocess.run([command, "devices"], stdout=subprocess.DEVNULL,
                  check=False).returncode != 0:
    sys.exit(SKIPPED)
sys.exit(subprocess.run([command, "conform", *folders],
                        check=False).returncode)
