#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Recording with VYRE_REPLAY_LOG, and vyre replay: of what runs, and of files
that are damaged or made up.

replay.py COMMAND PLUGIN-DIR SYSTEM-PLUGIN-DIR
"""
import os
import random
import resource
import shutil
import struct
import subprocess
import sys
import tempfile
import unittest

VYRE, PLUGINS, SYSTEM = sys.argv[1:4]
LIMIT = 100
HEADER, RECORD, CHUNK = 32, 64, 48
BLOB, WINDOW = 1, 2

# --- BLAKE3 of at most 1024 bytes ------------------------------------------------

IV = [0x6A09E667, 0xBB67AE85, 0x3C6EF372, 0xA54FF53A,
      0x510E527F, 0x9B05688C, 0x1F83D9AB, 0x5BE0CD19]
ORDER = [2, 6, 3, 10, 7, 0, 4, 13, 1, 11, 12, 5, 9, 14, 15, 8]


def compress(cv, block, length, flags):
    v = cv + IV[:4] + [0, 0, length, flags]
    words = list(struct.unpack("<16I", block.ljust(64, b"\0")))

    def mix(a, b, c, d, x, y):
        for n, r1, r2 in ((x, 16, 12), (y, 8, 7)):
            v[a] = (v[a] + v[b] + n) & 0xFFFFFFFF
            v[d] ^= v[a]
            v[d] = (v[d] >> r1 | v[d] << (32 - r1)) & 0xFFFFFFFF
            v[c] = (v[c] + v[d]) & 0xFFFFFFFF
            v[b] ^= v[c]
            v[b] = (v[b] >> r2 | v[b] << (32 - r2)) & 0xFFFFFFFF

    for _ in range(7):
        for i in range(4):
            mix(i, 4 + i, 8 + i, 12 + i, words[2 * i], words[2 * i + 1])
        for i in range(4):
            mix(i, 4 + (i + 1) % 4, 8 + (i + 2) % 4, 12 + (i + 3) % 4,
                words[8 + 2 * i], words[9 + 2 * i])
        words = [words[k] for k in ORDER]
    return [v[i] ^ v[i + 8] for i in range(8)]


def blake3(data):
    assert len(data) <= 1024
    blocks = [data[i:i + 64] for i in range(0, len(data), 64)] or [b""]
    cv = IV
    for i, block in enumerate(blocks):
        flags = (1 if i == 0 else 0) | (10 if i == len(blocks) - 1 else 0)
        cv = compress(cv, block, len(block), flags)
    return struct.pack("<8I", *cv)


# --- files -----------------------------------------------------------------------

def chunks(data):
    """(type, payload) of each."""
    at, found = HEADER, []
    while at < len(data):
        magic, kind, length = struct.unpack_from("<IIQ", data, at)
        assert magic == 0x4B484356
        payload = data[at + CHUNK:at + CHUNK + length]
        if length <= 1024:
            assert data[at + 16:at + CHUNK] == blake3(payload)
        found.append((kind, payload))
        at += CHUNK + length
    return found


def assemble(data, parts):
    """The header of data, with these chunks, digests made anew."""
    return data[:HEADER] + b"".join(
        struct.pack("<IIQ", 0x4B484356, kind, len(payload)) + blake3(payload) +
        payload for kind, payload in parts)


def records(log):
    return [struct.unpack_from("<IQIII4IIIIIQ", log, at)
            for at in range(HEADER, len(log) - RECORD + 1, RECORD)]


class Files(unittest.TestCase):
    def setUp(self):
        self.folder = tempfile.mkdtemp(prefix="vyre-replay-")
        self.addCleanup(shutil.rmtree, self.folder, ignore_errors=True)
        self.log = self.path("log")
        self.env = dict(
            os.environ, G_DEBUG="", LC_ALL="C.UTF-8",
            GST_PLUGIN_PATH_1_0=PLUGINS, GST_PLUGIN_SYSTEM_PATH_1_0=SYSTEM,
            GST_REGISTRY_1_0=self.path("registry"), GST_REGISTRY_FORK="no")

    def path(self, name):
        return os.path.join(self.folder, name)

    def read(self, name="log"):
        with open(self.path(name), "rb") as file:
            return file.read()

    def write(self, name, data):
        with open(self.path(name), "wb") as file:
            file.write(data)
        return self.path(name)

    def run_it(self, *command, code=0, **more):
        done = subprocess.run(command, env=dict(self.env, **more), text=True,
                              capture_output=True, timeout=LIMIT, check=False)
        self.assertEqual(done.returncode, code, done.stderr + done.stdout)
        return done

    def record(self, *args, code=0, log=None, **more):
        return self.run_it(VYRE, "run", *args, code=code,
                           VYRE_REPLAY_LOG=log or self.log, **more)

    def replay(self, *args, code=0, log=None):
        return self.run_it(VYRE, "replay", *args, log or self.log, code=code)


class Recording(Files):
    def test_hash(self):
        """The stand-in for BLAKE3, against its published vectors."""
        for n, digest in ((0, "af1349b9f5f9a1a6a0404dea36dcc949"),
                          (1, "2d3adedff11b61f14c886e35afa03673"),
                          (1024, "42214739f095a406f3fc83deb889744a")):
            data = bytes(i % 251 for i in range(n))
            self.assertEqual(blake3(data).hex()[:32], digest)

    def test_bytes(self):
        """The log is as the protocol has it, and FILE.data as documented."""
        data = b"forty-four bytes that become capital letters"
        self.record("ascii-upper", "--in", "input=" + self.write("in", data),
                    "--out", "output=" + self.path("out"))
        self.assertEqual(self.read("out"), data.upper())
        log = self.read()
        self.assertEqual(log[:8], b"VRRL0001")
        self.assertEqual(struct.unpack_from("<IIQQ", log, 8),
                         (1, 0, 65536, 1))
        self.assertEqual(len(log), HEADER + RECORD)
        (magic, time_ns, _, tenant, opcode, _, _, _, _, epoch, status, failure,
         code, digest), = records(log)
        self.assertEqual(magic, 0xDEADBEEF)
        self.assertEqual((tenant, opcode), (1, 0x40100000))
        self.assertEqual((epoch, status, failure, code), (0, 3, 0, 0))

        beside = self.read("log.data")
        self.assertEqual(beside[:16], b"VRRD0001" + bytes([1] + 7 * [0]))
        parts = chunks(beside)
        self.assertEqual([k for k, _ in parts],
                         [BLOB] * (len(parts) - 1) + [WINDOW])
        blobs = [p for k, p in parts if k == BLOB]
        self.assertIn(data, blobs)
        self.assertTrue(any(b.startswith(b"VYRE") for b in blobs))
        window = parts[-1][1]
        self.assertEqual(struct.unpack_from("<QQIIII", window),
                         (0, time_ns, 0, 2, 0, 0))
        output = blake3(data.upper())
        self.assertIn(output, window)
        self.assertEqual(struct.pack("<Q", digest), blake3(output)[:8])
        for name in ("log", "log.data"):
            self.assertEqual(os.stat(self.path(name)).st_mode & 0o777, 0o600)

    def test_again(self):
        self.record("histogram256", "--in",
                    "input=" + self.write("in", bytes(range(256)) * 9),
                    "--zeros", "histogram=1024")
        for engine in ("interp", "reference"):
            out = self.replay("--engine=" + engine, "--verbose").stdout
            self.assertIn("1 run again, 1 the same, 0 different", out)
            self.assertRegex(out, r"window 0 \(20\d\d-.*Z, tenant 1, ")

    def test_fault(self):
        program = self.write("trap.vyre", b"""program workgroup(8);
buffer input: readonly u32[8] @0;
main {
  if input[invocation_id.x] == 5 { trap(7, "five"); }
}
""")
        done = subprocess.run([VYRE, "check", program], capture_output=True,
                              text=True, check=False)
        self.assertEqual(done.returncode, 0, done.stdout + done.stderr)
        for word, status, code in ((4, 3, 0), (5, 7, 1)):
            log = self.path("log%d" % word)
            self.record(program, "--hex",
                        "input=" + struct.pack("<8I", *[word] * 8).hex(),
                        code=code, log=log)
            with open(log, "rb") as file:
                record, = records(file.read())
            self.assertEqual(record[10], status)
            self.assertEqual(record[11:13], (3, 1005) if code else (0, 0))
            for engine in ("interp", "reference"):
                out = self.replay("--engine=" + engine, log=log).stdout
                self.assertIn("1 the same", out)

    def test_no_end(self):
        """A step limit is not the reference's; a cancelled one has no end."""
        program = self.write("long.vyre", b"""program workgroup(1);
buffer input: readonly u32[1] @0;
buffer output: readwrite u32[1] @1;
main {
  for i in 0..4000000000 { output[0] = i; }
}
""")
        self.record(program, "--hex", "input=00000000", "--hex",
                    "output=00000000", "--max-steps=1000",
                    code=1)
        self.assertIn("1 the same", self.replay().stdout)
        out = self.replay("--engine=reference", code=1)
        self.assertIn("its fault is not one that this engine has", out.stdout)
        self.record(program, "--hex", "input=00000000", "--hex",
                    "output=00000000", "--timeout=0.1",
                    "--max-steps=0", code=1, log=self.path("cancelled"))
        out = self.replay(log=self.path("cancelled"), code=1).stdout
        self.assertIn("has no end", out)

    def test_continued(self):
        """A log keeps its capacity; FILE.data is begun anew."""
        self.write("log", b"VRRL0001" + struct.pack("<IIQQ", 1, 0, 4, 2))
        for i in range(3):
            self.record("invert", "--hex", "input=%08x" % i, "--hex",
                        "output=00000000")
        log = self.read()
        self.assertEqual(struct.unpack_from("<QQ", log, 16), (4, 1))
        self.assertEqual(len(log), HEADER + 4 * RECORD)
        self.assertEqual([r[0] for r in records(log)],
                         [0xDEADBEEF, 0, 0xDEADBEEF, 0xDEADBEEF])
        out = self.replay().stdout
        self.assertIn("1 run again, 1 the same", out)
        self.assertIn("2: not recorded", out)

    def test_refused(self):
        """The program runs all the same, and it is said why nothing is
        recorded."""
        args = ("invert", "--hex", "input=00000001", "--hex", "output=00000000")
        for name, data, text in (
                ("other", b"something else, of some length", "no replay log"),
                ("short", b"VRRL0001", "no replay log"),
                ("newer", b"VRRL0001" + struct.pack("<IIQQ", 2, 0, 4, 0),
                 "version 2"),
                ("none", b"VRRL0001" + struct.pack("<IIQQ", 1, 0, 0, 0),
                 "room for 0"),
                ("huge", b"VRRL0001" + struct.pack("<IIQQ", 1, 0, 1 << 40, 0),
                 "room for"),
                ("beyond", b"VRRL0001" + struct.pack("<IIQQ", 1, 0, 4, 4),
                 "comes to")):
            with self.subTest(name):
                done = self.record(*args, log=self.write(name, data))
                self.assertIn("VYRE_REPLAY_LOG: nothing is recorded",
                              done.stderr)
                self.assertIn(text, done.stderr)
                self.assertEqual(self.read(name), data)
                self.assertIn(text, self.replay(log=self.path(name),
                                                code=1).stderr)
        self.assertIn("nothing is recorded", self.record(
            *args, log=self.path("no/such/folder")).stderr)
        self.assertIn("nothing is recorded", self.record(
            *args, log="/dev/null").stderr)
        self.assertIn("cannot be read",
                      self.replay(log=self.path("none-such"), code=1).stderr)
        self.run_it(VYRE, "replay", code=2)
        self.run_it(VYRE, "replay", "--engine=none", "x", code=2)
        self.run_it(VYRE, "replay", "--timeout=-1", "x", code=2)

    def test_limit(self):
        """What FILE.data has no room for is left out, and counted."""
        data = random.Random(1).randbytes(1100000)
        done = self.record("invert", "--in", "input=" + self.write("in", data),
                           "--out", "output=" + self.path("out"),
                           VYRE_REPLAY_LIMIT="1")
        self.assertIn("is full", done.stderr)
        self.assertIn("1 not at all", done.stderr)
        self.assertLess(len(self.read("log.data")), 1 << 20)
        self.assertEqual(records(self.read())[0][10], 3)
        self.assertIn("1: not recorded", self.replay(code=1).stdout)
        done = self.record("invert", "--hex", "input=00000001", "--hex",
                           "output=00000000", log=self.path("more"),
                           VYRE_REPLAY_LIMIT="much")
        self.assertIn("VYRE_REPLAY_LIMIT", done.stderr)
        self.assertIn("1 the same", self.replay(log=self.path("more")).stdout)


class Damaged(Files):
    def setUp(self):
        super().setUp()
        self.record("invert", "--hex", "input=0102030405060708", "--hex",
                    "output=0000000000000000")
        self.good_log, self.good_data = self.read(), self.read("log.data")

    def put(self, log=None, data=None):
        self.write("log", self.good_log if log is None else log)
        self.write("log.data", self.good_data if data is None else data)

    def test_difference(self):
        """Another digest of what was returned: the first such window ends
        it."""
        parts = chunks(self.good_data)
        output = blake3(bytes(b ^ 255 for b in range(1, 9)))
        window = parts[-1][1]
        self.assertIn(output, window)
        wrong = window.replace(output, bytes(32))
        self.put(data=assemble(self.good_data, parts[:-1] + [(WINDOW, wrong)]))
        for engine in ("interp", "reference"):
            out = self.replay("--engine=" + engine, code=1).stdout
            self.assertIn('buffer "output" of 8 bytes differs: digest '
                          f"{'0' * 16} then, {output.hex()[:16]} now", out)
            self.assertIn("0 the same, 1 different", out)

        # Three windows, of which the second and the third differ.
        twin = self.good_log[HEADER:]
        log = (self.good_log[:24] + struct.pack("<Q", 3) + twin * 3)
        more = [(WINDOW, struct.pack("<Q", i) + w[8:])
                for i, w in enumerate((window, wrong, wrong))]
        self.put(log, assemble(self.good_data, parts[:-1] + more))
        args = "--engine=reference",
        self.assertIn("2 run again, 1 the same, 1 different",
                      self.replay(*args, code=1).stdout)
        self.assertIn("3 run again, 1 the same, 2 different",
                      self.replay(*args, "--all", code=1).stdout)

    def test_outcomes(self):
        """Done then and failed now, and the other way round."""
        parts = chunks(self.good_data)
        window = bytearray(parts[-1][1])
        struct.pack_into("<III", window, 20, 3, 15, 0)
        self.put(data=assemble(self.good_data,
                               parts[:-1] + [(WINDOW, bytes(window))]))
        for engine in ("interp", "reference"):
            self.assertIn("failed then (R15: trap), and is done now",
                          self.replay("--engine=" + engine, code=1).stdout)
        # One step is not enough.
        window = bytearray(parts[-1][1])
        struct.pack_into("<Q", window, 40, 1)
        self.put(data=assemble(self.good_data,
                               parts[:-1] + [(WINDOW, bytes(window))]))
        self.assertIn("was done then, and fails now",
                      self.replay(code=1).stdout)

    def test_flags(self):
        parts = chunks(self.good_data)
        for flags, state, text in ((2, 2, "without what it read"),
                                   (4, 2, "shared memory"),
                                   (0, 4, "has no end"), (0, 5, "has no end"),
                                   (0, 99, "has no end")):
            window = bytearray(parts[-1][1])
            struct.pack_into("<II", window, 16, flags, state)
            self.put(data=assemble(self.good_data,
                                   parts[:-1] + [(WINDOW, bytes(window))]))
            self.assertIn("1: " + {2: "recorded "}.get(flags, "") + text,
                          self.replay(code=1).stdout)

    def check_survives(self, what):
        """Any outcome but a crash or a hang, in bounded memory."""
        done = subprocess.run(
            [VYRE, "replay", "--engine=reference", "--timeout=0.3", self.log],
            env=self.env, capture_output=True, timeout=LIMIT, check=False,
            preexec_fn=None if SANITIZED else lambda: resource.setrlimit(
                resource.RLIMIT_AS, (4 << 30, 4 << 30)))
        self.assertIn(done.returncode, (0, 1), (what, done.stderr))
        return done.returncode

    def test_cut(self):
        for n in range(0, len(self.good_log), 11):
            self.put(log=self.good_log[:n])
            self.assertEqual(self.check_survives(f"log cut at {n}"), 1)
        for n in range(0, len(self.good_data), 83):
            self.put(data=self.good_data[:n])
            self.assertEqual(self.check_survives(f"data cut at {n}"), 1)
        os.unlink(self.log + ".data")
        self.assertEqual(self.check_survives("no data"), 1)

    def test_noise(self):
        rng = random.Random(5)
        for i in range(30):
            log, data = bytearray(self.good_log), bytearray(self.good_data)
            for target in ((log, data), (log,), (data,))[i % 3]:
                for _ in range(rng.choice((1, 3, 20))):
                    target[rng.randrange(len(target))] = rng.randrange(256)
            self.put(bytes(log), bytes(data))
            self.check_survives(f"noise {i}")

    def test_made_up(self):
        """Good digests around nonsense."""
        rng = random.Random(6)
        parts = chunks(self.good_data)
        window = parts[-1][1]
        for i in range(30):
            noise = bytearray(window)
            for _ in range(rng.choice((1, 2, 8))):
                at = rng.randrange(16, 64 if i % 2 else len(noise))
                noise[at] = rng.choice((0, 1, 2, 4, 127, 128, 255))
            self.put(data=assemble(self.good_data,
                                   parts[:-1] + [(WINDOW, bytes(noise))]))
            self.check_survives(f"window {i}")
        huge = bytearray(window)
        struct.pack_into("<I", huge, 60, 0xFFFFFFFF)
        struct.pack_into("<I", huge, 16, 1)     # a grid of its own
        for other in (bytes(huge), b"", window[:95], window + b"x",
                      window * 3):
            self.put(data=assemble(self.good_data,
                                   parts[:-1] + [(WINDOW, other)]))
            self.check_survives("a window")
        # Lengths beyond the file, unknown chunks, no blobs.
        head = self.good_data[:HEADER]
        for data in (head + struct.pack("<IIQ", 0x4B484356, BLOB, 1 << 63) +
                     bytes(32),
                     head + struct.pack("<IIQ", 0x4B484356, BLOB,
                                        (1 << 64) - 1) + bytes(32),
                     assemble(self.good_data, [(77, b"later")] + parts),
                     assemble(self.good_data, parts[-1:])):
            self.put(data=data)
            self.check_survives("chunks")
        # A kind of chunk that is not known is passed over.
        self.put(data=assemble(self.good_data, [(77, b"later")] + parts))
        self.assertIn("1 the same", self.replay("--engine=reference").stdout)


class Pipelines(Files):
    def launch(self, *pipeline):
        return self.run_it("gst-launch-1.0", "-q", *pipeline,
                           VYRE_REPLAY_LOG=self.log)

    def test_stream(self):
        self.launch("fakesrc", "num-buffers=20", "sizetype=fixed",
                    "sizemax=1024", "filltype=pattern", "!", "vyreinterp",
                    "program=ascii-upper", "!", "vyreinterp",
                    "program=crc32", "bindings=crc=keep", "!", "fakesink")
        log = self.read()
        self.assertEqual(struct.unpack_from("<Q", log, 24), (40,))
        self.assertEqual({r[10] for r in records(log)}, {3})
        kinds = [k for k, _ in chunks(self.read("log.data"))]
        self.assertEqual(kinds.count(WINDOW), 40)
        # Each program once, and what buffers hold more than once, once.
        self.assertLess(kinds.count(BLOB), 60)
        out = self.replay("--engine=reference").stdout
        self.assertIn("40 run again, 40 the same, 0 different", out)

    def test_two_at_once(self):
        """A second process finds the log taken."""
        first = subprocess.Popen(
            ["gst-launch-1.0", "-q", "fakesrc", "sizetype=fixed",
             "sizemax=64", "filltype=pattern", "!", "vyreinterp",
             "program=invert", "!", "fakesink"],
            env=dict(self.env, VYRE_REPLAY_LOG=self.log))
        try:
            for _ in range(LIMIT * 10):
                if os.path.exists(self.log) and any(
                        r[10] == 3 for r in records(self.read())):
                    break
                try:
                    first.wait(0.1)
                except subprocess.TimeoutExpired:
                    pass
            done = self.record("invert", "--hex", "input=00000001", "--hex",
                               "output=00000000")
            self.assertIn("another runtime records there", done.stderr)
        finally:
            first.kill()
            first.wait()
        # Killed: what is written is whole all the same.
        self.assertIn("0 different", self.replay("--engine=reference").stdout)


SANITIZED = "VYRE_TEST_SANITIZED" in os.environ

if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[4:])
