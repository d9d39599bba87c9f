#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""roundtrip.py COMMAND FOLDER...: vyre disasm | vyre asm, on every program of
the folders that is canonical, gives the same bytes again."""

import json
import pathlib
import subprocess
import sys


def assemble(command, path):
    """What comes out at the end of the pipe, or why nothing does."""
    with subprocess.Popen([command, "disasm", path], stdout=subprocess.PIPE,
                          stderr=subprocess.PIPE) as disasm:
        asm = subprocess.run([command, "asm", "-", "-"], stdin=disasm.stdout,
                             capture_output=True, check=False)
        errors = disasm.stderr.read() + asm.stderr
    if disasm.returncode != 0 or asm.returncode != 0:
        return errors.decode(errors="replace")
    return asm.stdout


def main(command, *folders):
    same = different = 0
    for folder in folders:
        before = same
        for path in sorted(pathlib.Path(folder).glob("*.vir0")):
            meta = json.loads(path.with_suffix(".json").read_text("utf-8"))
            if not meta.get("canonical", meta.get("roundtrip_identical")):
                continue
            result = assemble(command, path)
            if result == path.read_bytes():
                same += 1
            else:
                different += 1
                print(f"FAIL {path.parent.name}/{path.stem}: "
                      f"{'other bytes' if isinstance(result, bytes) else result}")
        if same == before:
            different += 1
            print(f"FAIL {folder}: nothing to compare")
    print(f"{same} passed, {different} failed")
    return 1 if different else 0


if __name__ == "__main__":
    sys.exit(main(*sys.argv[1:]))
