#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests of the command vyre: cli.py COMMAND. Without a device."""

import json
import os
import pathlib
import subprocess
import sys
import tempfile
import unittest

VYRE = None
FIXTURES = os.environ.get("VYRE_FIXTURES", "")
PROGRAMS = pathlib.Path(os.environ["VYRE_PROGRAMS_PATH"])

# The smallest program: no buffers, no statements.
SMALLEST = bytes.fromhex(
    "56595245040004008aa461af0c1d45003c2e3fb8d0e95ef20558333ffa714865"
    "e8895bcf54436909011576797265"
    "2e70726f6772616d2e6d65746164617461"
    "18565952452d4d45544100010000000100000001000000"
    "0000000000")
SMALLEST_FINGERPRINT = (
    "4785482af406428d8ca023c3282f4bf60202b160e2fa8ac31ab47cdda1f426e3")


def vyre(*args, stdin=b"", code=0):
    done = subprocess.run([VYRE, *map(str, args)], input=stdin, timeout=60,
                          capture_output=True, check=False)
    if done.returncode != code:
        raise AssertionError(
            f"vyre {' '.join(map(str, args))}: exit {done.returncode}, "
            f"wanted {code}\n{done.stderr.decode(errors='replace')}")
    return done


class Usage(unittest.TestCase):
    COMMANDS = ["asm", "devices", "disasm", "info"]

    def test_help(self):
        text = vyre("--help").stdout.decode()
        for command in self.COMMANDS:
            self.assertIn(f"  {command} ", text)
            own = vyre(command, "--help").stdout.decode()
            self.assertIn(f"vyre {command}", own)
            self.assertGreater(len(own.splitlines()), 6)

    def test_wrong_usage(self):
        self.assertIn(b"Usage", vyre(code=2).stderr)
        self.assertIn(b"no command", vyre("frobnicate", code=2).stderr)
        for command in self.COMMANDS:
            err = vyre(command, "--frobnicate", code=2).stderr.decode()
            self.assertTrue(err.startswith(f"vyre {command}: "), err)
            err = vyre(command, *"abcdef", code=2).stderr.decode()
            self.assertTrue(err.startswith(f"vyre {command}: "), err)

    def test_version(self):
        self.assertRegex(vyre("--version").stdout, rb"^vyre \d+\.\d+\.\d+\n$")


class Forms(unittest.TestCase):
    def round_trip(self, blob):
        text = vyre("disasm", "-", stdin=blob).stdout
        self.assertEqual(vyre("asm", "-", "-", stdin=text).stdout, blob)
        hexed = vyre("disasm", "--hex", "-", stdin=blob).stdout
        self.assertTrue(hexed.startswith(b"vyre_ir v0.1\n"))
        self.assertEqual(vyre("asm", "-", "-", stdin=hexed).stdout, blob)
        self.assertEqual(vyre("asm", "-", "-", stdin=blob).stdout, blob)

    def test_smallest(self):
        self.round_trip(SMALLEST)

    def test_files(self):
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            (folder / "a").write_bytes(SMALLEST)
            vyre("disasm", folder / "a", folder / "b")
            vyre("asm", folder / "b", folder / "c")
            self.assertEqual((folder / "c").read_bytes(), SMALLEST)
            self.assertIn(b"No such file",
                          vyre("asm", folder / "d.x", "-", code=1).stderr)
            self.assertIn(b"directory",
                          vyre("asm", folder, "-", code=1).stderr)
            err = vyre("asm", folder / "a", folder / "no" / "c", code=1).stderr
            self.assertTrue(err.startswith(b"vyre asm: "))

    def test_errors(self):
        err = vyre("disasm", "-", stdin=SMALLEST[:-1], code=1).stderr
        self.assertIn(b"vyre disasm: standard input: digest: ", err)
        err = vyre("asm", "-", "-", stdin=b"program (", code=1).stderr
        self.assertRegex(err, rb"^vyre asm: standard input: 1:\d+: ")
        err = vyre("info", "no-such-program", code=1).stderr
        self.assertIn(b"no-such-program", err)

    def test_full_disk(self):
        if not os.path.exists("/dev/full"):
            self.skipTest("no /dev/full")
        err = vyre("asm", "-", "/dev/full", stdin=SMALLEST, code=1).stderr
        self.assertTrue(err.startswith(b"vyre asm: /dev/full: "), err)
        self.assertTrue(os.path.exists("/dev/full"))

    def test_shipped(self):
        names = sorted(path.stem for path in PROGRAMS.iterdir()
                       if path.suffix != ".build")
        self.assertTrue(names, "no shipped programs")
        for name in names:
            with self.subTest(name):
                blob = vyre("asm", name, "-").stdout
                self.assertEqual(blob[:4], b"VYRE")
                self.round_trip(blob)
                info = json.loads(vyre("info", "--json", name).stdout)
                self.assertEqual(info["wire_bytes"], len(blob))

    @unittest.skipUnless(FIXTURES, "no fixtures")
    def test_fixtures(self):
        paths = sorted(pathlib.Path(FIXTURES, "realistic").glob("*.vir0"))
        self.assertGreaterEqual(len(paths), 37)
        for path in paths[::6]:
            with self.subTest(path.stem):
                self.round_trip(path.read_bytes())


class Info(unittest.TestCase):
    def test_smallest(self):
        info = json.loads(vyre("info", "--json", "-", stdin=SMALLEST).stdout)
        self.assertEqual(info["wire_bytes"], 91)
        self.assertEqual(info["digest"], SMALLEST[8:40].hex())
        self.assertEqual(info["fingerprint"], SMALLEST_FINGERPRINT)
        self.assertEqual(info["workgroup_size"], [1, 1, 1])
        self.assertEqual(info["buffers"], [])
        self.assertEqual(info["statements"], 0)
        self.assertEqual(info["needs"], [])
        text = vyre("info", "-", stdin=SMALLEST).stdout.decode()
        self.assertIn(SMALLEST_FINGERPRINT, text)

    @unittest.skipUnless(FIXTURES, "no fixtures")
    def test_fixtures(self):
        needs = set()
        for path in sorted(pathlib.Path(FIXTURES, "features").glob("*.json")):
            case = json.loads(path.read_text())
            with self.subTest(path.stem):
                done = vyre("info", "--json", path.with_suffix(".vir0"))
                info = json.loads(done.stdout)
                self.assertEqual(info["digest"], case["digest_blake3"])
                self.assertEqual(info["fingerprint"], case["content_hash"])
                self.assertEqual(info["workgroup_size"],
                                 case["program"]["workgroup_size"])
                self.assertEqual(len(info["buffers"]), len(case["buffers"]))
                for ours, theirs in zip(info["buffers"], case["buffers"]):
                    for field in ("name", "binding", "access", "kind",
                                  "count", "role"):
                        self.assertEqual(ours[field], theirs[field])
                tree = json.dumps(case["program"].get("entry"))
                self.assertEqual(tree.count('"n": "'), info["statements"])
                needs.update(info["needs"])
        for need in ("atomics", "barriers", "workgroup-memory", "subgroups",
                     "async-copies", "collectives"):
            self.assertIn(need, needs)


if __name__ == "__main__":
    VYRE = sys.argv.pop(1)
    unittest.main(verbosity=2)
