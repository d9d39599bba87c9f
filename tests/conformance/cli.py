#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Tests of the command vyre: cli.py COMMAND. Those that run programs are
skipped where there is no device."""

import json
import os
import pathlib
import re
import subprocess
import sys
import tempfile
import unittest
import unittest.mock

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
    COMMANDS = ["asm", "check", "conform", "devices", "disasm", "info",
                "replay", "run", "top"]

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
            if command != "conform":
                err = vyre(command, *"abcdef", code=2).stderr.decode()
                self.assertTrue(err.startswith(f"vyre {command}: "), err)
        for command in ("run", "conform"):
            err = vyre(command, "--engine=coal", "x", code=2).stderr
            self.assertIn(b'no engine "coal"', err)

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
        # A file, that is, and none is called so.
        err = vyre("info", "", code=1).stderr
        self.assertIn(b"No such file", err)

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


class Check(unittest.TestCase):
    WRONG = (b"program workgroup(1);\n"
             b"buffer o: readwrite u32[2] @0;\n"
             b"main {\n"
             b"  o[2] = nope;\n"
             b"  let x = u8(1);\n"
             b"}\n")
    # Only this engine refuses it.
    CALL = b'program workgroup(1); main { let x = call("f"); }'
    BARE = b"program workgroup(1); barrier;"
    SUBGROUP = b"program workgroup(1); main { let x = subgroup_add(1); }"

    def check(self, program, *options, code=0):
        return vyre("check", *options, "-", stdin=program,
                    code=code).stdout.decode().splitlines()

    def test_text(self):
        lines = self.check(self.WRONG, code=1)
        self.assertEqual(len(lines), 4)
        self.assertRegex(lines[0],
                         r"^standard input:4:3: error \[V036\]: .*`o`")
        self.assertRegex(lines[1],
                         r"^standard input:4:10: error \[E1\]: .*`nope`")
        self.assertRegex(lines[2],
                         r"^standard input:5:11: warning \[V035\]: ")
        self.assertEqual(lines[3], "standard input: 2 errors, 1 warning")

    def test_binary(self):
        blob = vyre("asm", "-", "-", stdin=self.WRONG).stdout
        lines = self.check(blob, code=1)
        self.assertRegex(
            lines[1], r"^standard input: entry\[0\]\.body\[0\]\.value: error ")

    def test_json(self):
        result = json.loads(vyre("check", "--json", "-", stdin=self.WRONG,
                                 code=1).stdout)
        self.assertIs(result["valid"], False)
        self.assertEqual(result["unlisted"], 0)
        self.assertEqual([e["code"] for e in result["errors"]],
                         ["V036", "E1"])
        self.assertEqual([e["public_code"] for e in result["errors"]],
                         [True, False])
        error = result["errors"][1]
        self.assertEqual((error["line"], error["column"], error["path"]),
                         (4, 10, "entry[0].body[0].value"))
        self.assertEqual([w["code"] for w in result["warnings"]], ["V035"])
        result = json.loads(vyre("check", "--json", "invert").stdout)
        self.assertIs(result["valid"], True)
        self.assertNotIn("line", result)

    def test_standard(self):
        self.assertIn("[X08]", self.check(self.CALL, code=1)[0])
        self.check(self.CALL, "--standard")
        self.assertIn("warning [P2]", self.check(self.BARE)[0])
        self.assertIn("error [P2]",
                      self.check(self.BARE, "--standard", code=1)[0])
        self.check(self.SUBGROUP)
        self.assertIn("[V041]",
                      self.check(self.SUBGROUP, "--standard", code=1)[0])
        self.check(self.SUBGROUP, "--standard", "--subgroups")
        vyre("check", "--subgroups", "invert", code=2)

    def test_lowering(self):
        """What only lowering finds has its place, too."""
        lines = self.check(b"program workgroup(1);\nmain {\n"
                           b'  async_wait("t");\n}', code=1)
        self.assertRegex(lines[0],
                         r"^standard input:3:3: error \[R14\]: .*`t`")

    def test_shipped(self):
        for path in PROGRAMS.glob("*.vyre"):
            with self.subTest(path.stem):
                self.assertEqual(self.check(path.read_bytes()),
                                 ["standard input: 0 errors, 0 warnings"])

    def test_run(self):
        """What is wrong is said before anything runs, all at once."""
        err = vyre("run", "--engine=reference", "--zeros=o=8", "-",
                   stdin=self.WRONG, code=1).stderr.decode().splitlines()
        self.assertEqual(err[0], "vyre run: the program is not valid: 2 errors")
        self.assertRegex(err[1], r"^4:3: error \[V036\]: ")
        self.assertRegex(err[2], r"^4:10: error \[E1\]: ")

    def test_unreadable(self):
        self.assertIn(b"vyre check: standard input: 1:",
                      vyre("check", "-", stdin=b"nonsense", code=1).stderr)


def have_device():
    done = subprocess.run([VYRE, "devices"], capture_output=True, check=False)
    return done.returncode == 0


def conform(*args, code=0):
    """The three counts of the last line, and everything printed."""
    done = vyre("conform", *args, code=code)
    counts = re.fullmatch(r"(\d+) passed, (\d+) failed, (\d+) refused",
                          done.stdout.decode().splitlines()[-1]).groups()
    return *map(int, counts), done


@unittest.skipUnless(FIXTURES, "no fixtures")
class ConformDecoder(unittest.TestCase):
    """Folders that need no device."""

    def test_folders(self):
        for folder, passed in (("bad", 277), ("lenient", 68), ("opaque", 6),
                               ("text", 13), ("invalid", 135),
                               ("encode_error", 4)):
            with self.subTest(folder):
                result = conform("--engine=reference",
                                 f"{FIXTURES}/{folder}")
                self.assertEqual(result[:3], (passed, 0, 0))

    def copy(self, folder, name, blob):
        source = pathlib.Path(FIXTURES, folder, name + ".json")
        target = self.folder / folder
        target.mkdir(exist_ok=True)
        (target / source.name).write_bytes(source.read_bytes())
        (target / (name + ".vir0")).write_bytes(blob)
        return target

    def setUp(self):
        self.temporary = tempfile.TemporaryDirectory()
        self.folder = pathlib.Path(self.temporary.name)

    def tearDown(self):
        self.temporary.cleanup()

    def test_failures_are_seen(self):
        bad = self.copy("bad", "magic_zero", SMALLEST)
        wrong = pathlib.Path(FIXTURES, "bad", "magic_zero.vir0").read_bytes()
        version = self.copy("bad", "version_1", wrong)
        self.assertEqual(bad, version)
        lenient = self.copy("lenient", "axis_3", SMALLEST)
        opaque = self.copy("opaque", "opaque_expr", SMALLEST)
        for folder, failed in ((bad, 2), (lenient, 1), (opaque, 1)):
            result = conform(folder, code=1)
            self.assertEqual(result[:2], (0, failed))
            self.assertIn(f"FAIL {folder.name}/", result[3].stdout.decode())
        # All folders of a folder.
        self.assertEqual(conform(self.folder, code=1)[:2], (0, 4))
        self.assertEqual(conform("--only=bad/v*", self.folder, code=1)[:2],
                         (0, 1))
        self.assertIn(b"no case matches 'bad/w*'",
                      conform("--only=bad/w*", bad, code=1)[3].stderr)

    def changed(self, folder, name, change):
        """A copy of a case, after change(its JSON)."""
        blob = pathlib.Path(FIXTURES, folder, name + ".vir0")
        target = self.copy(folder, name, blob.read_bytes()
                           if blob.exists() else b"")
        path = target / (name + ".json")
        case = json.loads(path.read_text())
        change(case)
        path.write_text(json.dumps(case))
        return target

    def fails(self, folder, name, text, change):
        with self.subTest(f"{folder}/{name}"):
            target = self.changed(folder, name, change)
            result = conform("--engine=reference", f"--only={folder}/{name}",
                             target, code=1)
            self.assertEqual(result[:3], (0, 1, 0))
            self.assertIn(text, result[3].stdout.decode())

    def test_other_reasons(self):
        """Rejected, faulting and invalid, but not as recorded."""
        self.fails("bad", "magic_zero", "not for version",
                   lambda case: case.update(error="version mismatch"))
        self.fails("bad", "magic_zero", "not known",
                   lambda case: case.update(error="something"))
        def run(text):
            return lambda case: case["run"].update(error=text)
        self.fails("runtime_error", "bin_i32_div_by_zero", "recorded is R09",
                   run("cannot represent it losslessly"))
        self.fails("runtime_error", "collective_broadcast_root1",
                   "recorded is R07", run("is not defined for f32"))
        self.fails("runtime_error", "trap_taken", "not known", run("oh"))
        self.fails("opaque", "opaque_node", "unknown-extension",
                   run("has unsized element type"))
        self.fails("opaque", "opaque_datatype_min", "was decoded",
                   run("does not support opaque"))
        self.fails("encode_error", "elem_copy_sparse_coo", "was encoded",
                   lambda case: [buffer.update(element="f32")
                                 for buffer in case["buffers"]])
        self.fails("realistic", "byte_invert", "no run is recorded",
                   lambda case: case["run"].update(status="not_run"))
        self.fails("invalid", sorted(
            path.stem for path in pathlib.Path(FIXTURES, "invalid").glob(
                "*.json"))[0], "wanted: V999",
            lambda case: case["validation"]["default"].update(codes=["V999"]))

    def test_hex_text(self):
        folder = self.folder / "text"
        folder.mkdir()
        good = pathlib.Path(FIXTURES, "text", "node_loops.txt").read_bytes()
        (folder / "good.txt").write_bytes(good)
        self.assertEqual(conform(folder)[:3], (1, 0, 0))
        (folder / "crlf.txt").write_bytes(good.replace(b"\n", b"\r\n"))
        (folder / "cut.txt").write_bytes(good[:-3])
        self.assertEqual(conform(folder, code=1)[:3], (1, 2, 0))

    def test_refused(self):
        """A refusal counts as such when it is listed, with its code."""
        target = self.changed(
            "runtime_error", "input_too_short",
            lambda case: case["run"].update(status="ok"))
        listed = self.folder / "refused.txt"
        args = ("--engine=reference", target)
        self.assertEqual(conform(*args, code=1)[:3], (0, 1, 0))
        for line, counts in (
                ("runtime_error/input_too_short R04 too short", (0, 0, 1)),
                ("# no\n\n  runtime_error/input_too_short R04 x", (0, 0, 1)),
                ("runtime_error/input_too_short R05 too short", (0, 1, 0)),
                ("runtime_error/another R04 too short", (0, 1, 0))):
            with self.subTest(line):
                listed.write_text(line)
                result = conform(f"--refused={listed}", *args, code=counts[1])
                self.assertEqual(result[:3], counts)
        for line in ("runtime_error/input_too_short R04", "x/y", "x R04 why"):
            listed.write_text("# first\n" + line)
            err = vyre("conform", f"--refused={listed}", *args, code=2).stderr
            self.assertIn(b"refused.txt:2: write FOLDER/NAME", err)
        vyre("conform", f"--refused={self.folder}/none", *args, code=2)

    def test_no_cases(self):
        self.assertIn(b"no cases", conform(self.folder, code=1)[3].stderr)
        gone = self.folder / "gone"
        self.assertIn(b"gone", conform(gone, code=1)[3].stderr)
        (self.folder / "x.json").write_text("[1, 2")
        self.assertEqual(conform(self.folder, code=1)[:2], (0, 1))


@unittest.skipUnless(FIXTURES, "no fixtures")
class ConformRun(unittest.TestCase):
    def setUp(self):
        if not have_device():
            self.skipTest("no device")

    def test_some(self):
        result = conform("--only=features/expr_wide*", f"{FIXTURES}/features")
        self.assertGreater(result[0], 0)

    def test_failures_are_seen(self):
        """The same programs with another result recorded."""
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            for group, name in (("realistic", "byte_invert"),
                                ("ops", "un_f32_exp"),
                                ("features", "atomic_ticket_order")):
                source = pathlib.Path(FIXTURES, group, name + ".json")
                case = json.loads(source.read_text())
                for buffer in case["buffers"]:
                    hexed = buffer.get("output_hex")
                    if hexed:
                        # The high bits of the first word, far from any
                        # tolerance.
                        flipped = f"{int(hexed[6], 16) ^ 3:x}"
                        buffer["output_hex"] = hexed[:6] + flipped + hexed[7:]
                (folder / (name + ".json")).write_text(json.dumps(case))
                (folder / (name + ".vir0")).write_bytes(
                    source.with_suffix(".vir0").read_bytes())
            result = conform(folder, code=1)
            self.assertEqual(result[:2], (0, 3), result[3].stdout)


class Run(unittest.TestCase):
    def setUp(self):
        if not have_device():
            self.skipTest("no device")

    def test_invert(self):
        data = bytes(range(256)) * 5 + b"xyz"
        done = vyre("run", "invert", "--in=input=-", "--out", "output=-",
                    stdin=data)
        self.assertEqual(done.stdout, bytes(255 - byte for byte in data))

    @unittest.mock.patch.dict(os.environ, G_MESSAGES_DEBUG="all")
    def test_messages(self):
        """Messages do not get among results."""
        done = vyre("run", "invert", "--in=input=-", "--out", "output=-",
                    stdin=b"data")
        self.assertEqual(done.stdout, bytes(255 - byte for byte in b"data"))
        self.assertIn(b"vyre-INFO", done.stderr)

    def test_files(self):
        with tempfile.TemporaryDirectory() as folder:
            source = pathlib.Path(folder, "in")
            target = pathlib.Path(folder, "out")
            source.write_bytes(b"abcd" * 100)
            done = vyre("run", "invert", "--in", f"input={source}",
                        "--zeros=output=400", "--out", f"output={target}",
                        "--stats")
            self.assertEqual(target.read_bytes(),
                             bytes(255 - byte for byte in b"abcd" * 100))
            self.assertIn(b"device:", done.stderr)
            self.assertEqual(done.stdout, b"")

    def test_shown(self):
        done = vyre("run", "invert", "--hex=input=00ff0ff0")
        self.assertEqual(done.stdout, b"output: 4 bytes: ff00f00f\n")

    def test_wrong_usage(self):
        for args, text in (
                ([], "needs data: give --in input=FILE"),
                (["--in", "input"], "NAME=VALUE"),
                (["--hex", "nope=00"], 'no buffer "nope"'),
                (["--hex", "input=0"], "hex"),
                (["--hex", "input=00", "--zeros", "input=1"], "before"),
                (["--zeros", "input=x"], "--zeros"),
                (["--hex", "input=00", "--out", "input=-"], "not returned"),
                (["--hex", "input=00", "--grid", "0"], "--grid"),
                (["--hex", "input=00", "--max-steps=-1"], "negative")):
            with self.subTest(args):
                err = vyre("run", "invert", *args, code=2).stderr.decode()
                self.assertTrue(err.startswith("vyre run: "), err)
                self.assertIn(text, err)

    def test_failures(self):
        vyre("run", "invert", "--in=input=/nowhere", code=1)
        vyre("run", "--device=77", "invert", "--hex=input=00", code=1)

    @unittest.skipUnless(FIXTURES, "no fixtures")
    def test_fault(self):
        path = pathlib.Path(FIXTURES, "runtime_error", "trap_taken.vir0")
        err = vyre("run", path, code=1).stderr.decode()
        self.assertIn("boom", err)


class Reference(unittest.TestCase):
    """The executor in plain C, which needs no device."""

    def run_invert(self, *args, code=0):
        return vyre("run", "--engine=reference", "invert", *args, code=code)

    def test_invert(self):
        done = self.run_invert("--hex=input=00ff0ff0", "--stats")
        self.assertEqual(done.stdout, b"output: 4 bytes: ff00f00f\n")
        self.assertRegex(done.stderr, rb"steps: +[1-9]")

    def test_limits(self):
        err = self.run_invert("--hex=input=00ff0ff0", "--max-steps=20",
                              code=1).stderr
        self.assertIn(b"20 steps", err)
        with tempfile.TemporaryDirectory() as folder:
            path = pathlib.Path(folder, "endless.vyre")
            path.write_text("program workgroup(1); main { loop { } }")
            err = vyre("run", "--engine=reference", "--timeout=0.2",
                       "--max-steps=0", path, code=1).stderr
            self.assertIn(b"within 0.2 seconds", err)

    def test_wrong_usage(self):
        for option in ("--dump", "--device=0"):
            err = self.run_invert("--hex=input=00", option, code=2).stderr
            self.assertIn(b"not for the reference", err)

    @unittest.skipUnless(FIXTURES, "no fixtures")
    def test_fault(self):
        path = pathlib.Path(FIXTURES, "runtime_error", "trap_taken.vir0")
        err = vyre("run", "--engine=reference", path, code=1).stderr
        self.assertIn(b"boom", err)
        self.assertIn(b"[R15]", err)

    @unittest.skipUnless(FIXTURES, "no fixtures")
    def test_order_matters(self):
        """Tickets in another order, which only devices may return."""
        source = pathlib.Path(FIXTURES, "features", "atomic_ticket_order.json")
        case = json.loads(source.read_text())
        for buffer in case["buffers"]:
            hexed = buffer.get("output_hex", "")
            if len(hexed) > 8:
                buffer["output_hex"] = hexed[8:] + hexed[:8]
        with tempfile.TemporaryDirectory() as folder:
            folder = pathlib.Path(folder)
            (folder / source.name).write_text(json.dumps(case))
            (folder / "atomic_ticket_order.vir0").write_bytes(
                source.with_suffix(".vir0").read_bytes())
            result = conform("--engine=reference", folder, code=1)
            self.assertEqual(result[:2], (0, 1), result[3].stdout)


if __name__ == "__main__":
    VYRE = sys.argv.pop(1)
    unittest.main(verbosity=2)
