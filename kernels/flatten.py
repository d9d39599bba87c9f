#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Writes a shader, with all that it includes, as one C string.

    flatten.py --name NAME [-I FOLDER]... INPUT OUTPUT

Library code that compiles shaders at run time has no files to include. Each
#include "FILE" is replaced by the file, every time: what must come once has
its own guard. Comments are left out, so that a change of them changes no
cached result.
"""
import argparse
import os
import re
import sys

INCLUDE = re.compile(r'\s*#\s*include\s+"([^"]+)"')
COMMENT = re.compile(r'/\*.*?\*/|//[^\n]*', re.S)
MAX_DEPTH = 16


def find(name, beside, folders):
    for folder in [beside] + folders:
        path = os.path.join(folder, name)
        if os.path.exists(path):
            return path
    sys.exit(f'{beside}: "{name}" is not in any of the include folders')


def flatten(path, folders, depth=0):
    if depth > MAX_DEPTH:
        sys.exit(f'{path}: included {MAX_DEPTH} deep')
    with open(path, encoding='utf-8') as file:
        text = COMMENT.sub(' ', file.read())
    for line in text.splitlines():
        match = INCLUDE.match(line)
        if match:
            yield from flatten(find(match.group(1), os.path.dirname(path),
                                    folders), folders, depth + 1)
        elif line.strip():
            yield line.rstrip()


def main():
    parser = argparse.ArgumentParser()
    parser.add_argument('--name', required=True)
    parser.add_argument('-I', dest='folders', action='append', default=[])
    parser.add_argument('input')
    parser.add_argument('output')
    args = parser.parse_args()
    with open(args.output, 'w', encoding='utf-8') as out:
        out.write(f'static const char {args.name}[] =\n')
        for line in flatten(args.input, args.folders):
            quoted = line.replace('\\', '\\\\').replace('"', '\\"')
            out.write(f'  "{quoted}\\n"\n')
        out.write(';\n')


main()
