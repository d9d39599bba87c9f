# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the example of builtins.md."""
import subprocess
import sys

example = sys.argv[1]
with open(__file__, 'rb') as file:
    data = file.read(4096)
done = subprocess.run([example, __file__], capture_output=True, text=True)
wanted = (f'the sum is 55\n{len(data)} bytes are there, '
          f'the first is {data[0]}\n')
if done.returncode != 0 or done.stdout != wanted:
    sys.exit(f'{done.returncode}: {done.stdout}{done.stderr}')
done = subprocess.run([example, __file__ + '.none'], capture_output=True,
                      text=True)
if done.returncode != 1 or 'builtins.py.none' not in done.stderr:
    sys.exit(f'{done.returncode}: {done.stdout}{done.stderr}')
