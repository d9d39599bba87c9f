#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""functions.py COMMAND: every inexact F32 function by both engines, over edge
values and random bits of all magnitudes, as the recorded cases lack some of the
functions. Skipped without a device."""

import random
import struct
import subprocess
import sys
import tempfile

SKIPPED = 77
NEAR = ("sqrt", "inverse_sqrt", "reciprocal")
FUNCTIONS = NEAR + ("sin", "cos", "tan", "asin", "acos", "atan", "sinh",
                    "cosh", "tanh", "exp", "exp2", "log", "log2")
PROGRAM = """program workgroup(64);
buffer input: readonly f32[] @0;
buffer output: readwrite f32[] @1;
main {{
  let i = invocation_id.x;
  if i < len(output) {{
    output[i] = {function}(input[i]);
  }}
}}
"""


def values():
    generator = random.Random(18)
    edges = [0x00000000, 0x00000001, 0x007fffff, 0x00800000, 0x3f7fffff,
             0x3f800000, 0x3f800001, 0x3fc90fdb, 0x40490fdb, 0x42b17218,
             0x42fe0000, 0x43000000, 0x7f7fffff, 0x7f800000, 0x7fc00000,
             0x7f800001]
    bits = [edge | sign for edge in edges for sign in (0, 1 << 31)]
    bits += [generator.getrandbits(32) for _ in range(2000)]
    for limit in (1, 4, 100):
        bits += struct.unpack("<1000I", struct.pack("<1000f", *(
            generator.uniform(-limit, limit) for _ in range(1000))))
    return bits


def run(command, engine, path, data, count):
    done = subprocess.run(
        [command, "run", f"--engine={engine}", path, "--in=input=-",
         "--out=output=-"],
        input=data, stdout=subprocess.PIPE, check=True)
    return struct.unpack(f"<{count}I", done.stdout)


def is_nan(bits):
    return bits & 0x7fffffff > 0x7f800000


def distance(left, right):
    if is_nan(left) or is_nan(right):
        return 0 if is_nan(left) and is_nan(right) else 1 << 32
    left, right = (-(bits & 0x7fffffff) if bits >> 31 else bits
                   for bits in (left, right))
    return abs(left - right)


def main(command):
    if subprocess.run([command, "devices"], stdout=subprocess.DEVNULL,
                      check=False).returncode != 0:
        return SKIPPED
    arguments = values()
    count = len(arguments)
    data = struct.pack(f"<{count}I", *arguments)
    failed = 0
    for function in FUNCTIONS:
        with tempfile.NamedTemporaryFile("w", suffix=".vyre") as file:
            file.write(PROGRAM.format(function=function))
            file.flush()
            results = [run(command, engine, file.name, data, count)
                       for engine in ("reference", "interp")]
        worst, argument, *pair = max(
            (distance(*pair), argument, *pair)
            for argument, *pair in zip(arguments, *results))
        print(f"worst error of {function}: {worst} ULP in {count} values")
        if worst > (4 if function in NEAR else 128):
            failed += 1
            print(f"FAIL {function}(0x{argument:08x}): reference "
                  f"0x{pair[0]:08x}, interp 0x{pair[1]:08x}")
    print(f"{len(FUNCTIONS) - failed} passed, {failed} failed")
    return 1 if failed else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1]))
