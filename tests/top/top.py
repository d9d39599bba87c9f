#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""vyre top: of running pipelines, of others that only pretend to be one, and in
a terminal.

top.py COMMAND PLUGIN-DIR SYSTEM-PLUGIN-DIR
"""
import fcntl
import json
import os
import pty
import re
import select
import shutil
import signal
import socket
import stat
import struct
import subprocess
import sys
import tempfile
import termios
import threading
import time
import unittest

VYRE, PLUGINS, SYSTEM = sys.argv[1:4]
LIMIT = 60
HELLO = {"type": "hello", "protocol": "vyre-top", "version": 1, "pid": 4711,
         "program": "pretender", "period-ms": 50, "residency": "sliced",
         "device": {"index": 0, "name": "none", "driver": "none"}}


def sample(n, **more):
    """One of a pipeline that ends 100 windows of 2,000 bytes a second."""
    tenant = {"id": 1, "name": "one", "since-us": 5, "submitted": 10 * n + 3,
              "in-flight": 3, "done": 10 * n - 1, "faulted": 1, "cancelled": 0,
              "lost": 0, "compiled": 0, "bytes": 20000 * n,
              "latency": {"sum-ns": 1, "max-ns": 4000000,
                          "buckets": [[2097152, 9 * n], [3670016, n]]},
              "last-fault": {"code": 15, "text": "R15: trap", "address": 12,
                             "age-us": 61000000}}
    return dict({
        "type": "sample", "time-us": 1000000 + 100000 * n,
        "runtime": {"windows-in-flight": 3, "windows-done": 10 * n - 1,
                    "windows-faulted": 1, "bytes-bound": 20000 * n,
                    "launches": n, "arena-bytes": 1000, "arena-used-bytes": 10},
        "ring": {"slots": 256, "depth": 128, "published": 100, "claimed": 20,
                 "yield": 8, "fault": 1},
        "watchdog": {"stalled": False}, "tenants": [tenant]}, **more)


def line(value):
    return json.dumps(value).encode() + b"\n"


class Folder(unittest.TestCase):
    """A runtime folder of its own for each test."""

    def setUp(self):
        self.base = tempfile.mkdtemp(prefix="vyre-top-")
        self.addCleanup(shutil.rmtree, self.base, ignore_errors=True)
        self.folder = os.path.join(self.base, "vyre")
        self.env = dict(
            os.environ, XDG_RUNTIME_DIR=self.base, G_DEBUG="fatal-criticals",
            GST_PLUGIN_PATH_1_0=PLUGINS, GST_PLUGIN_SYSTEM_PATH_1_0=SYSTEM,
            GST_REGISTRY_1_0=os.path.join(self.base, "registry"),
            GST_REGISTRY_FORK="no", LC_ALL="C.UTF-8")

    def top(self, *args, code=0):
        done = subprocess.run([VYRE, "top", *args], env=self.env, text=True,
                              capture_output=True, timeout=LIMIT, check=False)
        self.assertEqual(done.returncode, code, done.stderr + done.stdout)
        return done

    def serve(self, chunks, pause=0.05, name="4711-0.sock"):
        """A listener that sends these to every client: bytes, or a function of
        a number, called for ever."""
        os.makedirs(self.folder, 0o700, exist_ok=True)
        listener = socket.socket(socket.AF_UNIX)
        listener.bind(os.path.join(self.folder, name))
        listener.listen()
        self.addCleanup(listener.close)

        def talk(client):
            with client:
                try:
                    for chunk in chunks:
                        n = 0
                        while callable(chunk):
                            n += 1
                            client.sendall(chunk(n))
                            time.sleep(pause)
                        client.sendall(chunk)
                except OSError:
                    pass

        def accept():
            while True:
                try:
                    client, _ = listener.accept()
                except OSError:
                    return
                threading.Thread(target=talk, args=(client,),
                                 daemon=True).start()

        threading.Thread(target=accept, daemon=True).start()
        return os.path.join(self.folder, name)


class Pretenders(Folder):
    def test_all_tenants(self):
        """As many as a runtime can have, with all that they can say."""
        buckets = [[1024 * (i + 1), 10 ** 9] for i in range(126)]

        def all_of(n):
            value = sample(n)
            first = value["tenants"][0]
            value["tenants"] = [
                dict(first, id=i, name="n" * 60,
                     latency=dict(first["latency"], buckets=buckets))
                for i in range(1, 1024)]
            return line(value)

        self.serve([line(HELLO), all_of], pause=0.3)
        out = self.top("--once").stdout
        for i in (1, 64, 65, 1023):
            self.assertRegex(out, rf"(?m)^ *{i} n+ ")
        value = json.loads(self.top("--once", "--json").stdout)
        self.assertEqual(len(value["tenants"]), 1023)

    def test_numbers(self):
        self.serve([line(HELLO), lambda n: line(sample(n))], pause=0.1)
        out = self.top("--once").stdout
        self.assertIn("pretender (4711) on none, sliced", out)
        self.assertIn("128 of 256 slots: published 100, claimed 20, "
                      "suspended 8, fault 1", out)
        self.assertIn("[##########..........]", out)
        self.assertRegex(out, r"Windows +100 /s +in flight 3, ")
        self.assertRegex(out, r"Bound +200 kB/s")
        row = re.search(r"^ +1 one +(.*)$", out, re.M).group(1)
        self.assertRegex(row, r"^interp +100 /s +200 kB/s +3 +2\.3\d ms +"
                              r"2\.6\d ms +4 ms +4 ms +1$")
        self.assertIn("last fault 0:01:01 ago: R15: trap, address 12", out)

        got = json.loads(self.top("--once", "--json").stdout)
        self.assertEqual(got["pid"], 4711)
        self.assertAlmostEqual(got["rates"]["windows-per-second"], 100, 5)
        rates = got["tenants"][0]["rates"]
        self.assertAlmostEqual(rates["bytes-per-second"], 200000, 5)
        self.assertLess(rates["p50-ns"], rates["p99-ns"])
        self.assertEqual(got["ring"]["slots"], 256)

    def test_tiers(self):
        def compiled(n):
            s = sample(n)
            first = s["tenants"][0]
            first["compiled"] = 10 * n
            s["tenants"].append(dict(first, id=2, name="two", compiled=5 * n))
            s["tenants"].append(dict(first, id=3, name="new", done=0,
                                     faulted=0, compiled=0))
            s["tenants"][2]["since-us"] = n     # another one each time
            return line(s)
        self.serve([line(HELLO), compiled], pause=0.1)
        out = self.top("--once").stdout
        self.assertRegex(out, r"(?m)^ +1 one +jit ")
        self.assertRegex(out, r"(?m)^ +2 two +mixed ")
        self.assertRegex(out, r"(?m)^ +3 new +- +- +- ")

    def test_stall(self):
        self.serve([line(HELLO), lambda n: line(sample(n, watchdog={
            "stalled": True, "runnable-slots": 7}))])
        self.assertIn("STALLED: 7 slots", self.top("--once").stdout)

    def test_nonsense(self):
        """Wrong types and missing members count as nothing."""
        for value in [{}, {"tenants": 3}, {"tenants": [[], 7, None]},
                      {"runtime": [], "ring": 5, "tenants": {"id": 1}},
                      {"tenants": [{"id": "x", "name": 5, "latency": []}]},
                      {"tenants": [{"latency": {"buckets": [
                          [1], [1, [2]], 5, [-1, -1], ["a", "b"],
                          [1 << 62, 1 << 62], [1e300, 5]]}}]},
                      {"tenants": [{}] * 1000, "time-us": -5},
                      {"ring": {"slots": 0, "depth": 1 << 62}},
                      {"time-us": "never", "ring": {"slots": 1 << 62}}]:
            for number, args in enumerate([("--once",), ("--once", "--json")]):
                with self.subTest(value=str(value)[:60], args=args):
                    path = self.serve(
                        [line(HELLO),
                         lambda n, v=value: line(dict(v, type="sample"))],
                        name="%d-%d.sock" % (abs(hash(str(value))) % 100000,
                                             number))
                    self.top(path, "--interval=0.25", *args)
                    os.unlink(path)

    def test_no_control_characters(self):
        evil = "\x1b]0;owned\x07\r\n\x1b[2J\u200b\u0301\u4e2d"
        self.serve([line(dict(HELLO, program=evil, device={"name": evil})),
                    lambda n: line(sample(n, tenants=[dict(
                        sample(n)["tenants"][0], name=evil)]))])
        out = self.top("--once").stdout
        self.assertEqual(
            set(c for c in out if not c.isprintable()), {"\n"}, repr(out))
        self.assertIn("owned", out)

    def test_what_is_no_pipeline(self):
        cases = {
            "no JSON": [b"hello\n"],
            "no object": [b"[1]\n"],
            "no line of text": [b"\xff\xfe\n"],
            "nested too deeply": [b"[" * 100000 + b"\n"],
            "more than 8388608 bytes": [b"x" * 8500000],
            "no socket of a pipeline's": [b"{}\n"],
            "version 99": [line(dict(HELLO, version=99))],
            "ended before": [line(HELLO)],
            "is no line": [b"{\"type\":\"hello\0\"}\n"],
        }
        for number, (text, chunks) in enumerate(cases.items()):
            with self.subTest(text):
                path = self.serve(chunks, name="1-%d.sock" % number)
                done = self.top(path, code=1)
                self.assertIn(text, done.stderr)
                self.assertTrue(done.stderr.startswith("vyre top: "))

    def test_ends_with_the_pipeline(self):
        self.serve([line(HELLO), line(sample(1)), line(sample(2))])
        self.top("--json", code=1)     # both within one interval
        def ending(n):
            if n == 8:
                raise OSError
            return line(sample(n))
        path = self.serve([line(HELLO), ending], name="5-0.sock", pause=0.1)
        self.top(path, "--json", "--interval=0.25")

    def test_choice(self):
        done = self.top(code=1)
        self.assertIn("VYRE_TOP=1", done.stderr)
        self.assertEqual(self.top("--list").stdout, "")
        paths = [self.serve([line(HELLO), lambda n: line(sample(n))],
                            name=name)
                 for name in ("12-0.sock", "123-0.sock", "123-1.sock")]
        self.assertEqual(self.top("--list").stdout, "".join(
            f"{os.path.basename(p)[:-5]}\t{p}\n" for p in paths))
        done = self.top("--once", code=2)
        self.assertIn("name one", done.stderr)
        self.assertIn("123-1", done.stderr)
        self.top("--once", "123", code=2)
        self.assertIn("999", self.top("999", code=1).stderr)
        self.assertIn("pretender", self.top("--once", "12").stdout)
        self.assertIn("pretender", self.top("--once", "123-1").stdout)
        self.assertIn("cannot connect", self.top("./none", code=1).stderr)
        for bad in ("0.1", "nan", "-1", "1e9"):
            self.top("--interval=" + bad, code=2)


class Screen:
    """vyre top on a pseudo-terminal."""

    def __init__(self, args, env, rows, columns):
        self.master, slave = pty.openpty()
        self.resize(rows, columns)
        self.before = termios.tcgetattr(slave)
        self.slave = slave
        self.process = subprocess.Popen(
            [VYRE, "top", *args], env=env, stdin=slave, stdout=slave,
            stderr=subprocess.PIPE, start_new_session=True,
            preexec_fn=lambda: fcntl.ioctl(0, termios.TIOCSCTTY, 0))
        self.text = ""

    def resize(self, rows, columns):
        self.size = rows, columns
        fcntl.ioctl(self.master, termios.TIOCSWINSZ,
                    struct.pack("HHHH", rows, columns, 0, 0))

    def read_until(self, wanted, seconds=LIMIT):
        """Reads what is drawn from now on, until a frame has this."""
        self.text = ""
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            if select.select([self.master], [], [], 0.1)[0]:
                try:
                    self.text += os.read(self.master, 65536).decode(
                        errors="replace")
                except OSError:
                    break
            for frame in self.frames():
                if re.search(wanted, frame, re.M):
                    return frame
        raise AssertionError(f"{wanted!r} is not in {self.text[-600:]!r}")

    def frames(self):
        """Whole ones, as lines of text."""
        parts = re.findall(r"\x1b\[H(.*?)\x1b\[J", self.text, re.S)
        return [re.sub(r"\x1b\[[0-9;]*[mK]|\r", "", p) for p in parts]

    def close(self):
        if self.process.poll() is None:
            self.process.kill()
        self.process.wait()
        self.process.stderr.close()
        os.close(self.master)
        os.close(self.slave)


class Terminal(Folder):
    def screen(self, rows=24, columns=100):
        self.serve([line(HELLO), lambda n: line(sample(n))])
        screen = Screen(["--interval=0.25"], self.env, rows, columns)
        self.addCleanup(screen.close)
        return screen

    def test_draws_and_resizes(self):
        screen = self.screen()
        frame = screen.read_until(r"^ +1 one +interp +\d+ /s")
        self.assertIn("pretender (4711)", frame)
        self.assertIn("\x1b[7m ID", screen.text)
        screen.resize(5, 30)
        frame = screen.read_until(r"\A(?=.*)[^\n]{1,30}(\n[^\n]{0,30}){4}\Z")
        self.assertNotIn("NAME", frame)
        screen.resize(40, 120)
        screen.read_until(r"last fault 0:01:01 ago: R15: trap, address 12$")

    def test_scrolls(self):
        def many(n):
            value = sample(n)
            first = value["tenants"][0]
            value["tenants"] = [
                dict(first, id=i, name=f"t{i}") for i in range(1, 101)]
            for tenant in value["tenants"][1:]:
                tenant.pop("last-fault")
            return line(value)

        self.serve([line(HELLO), many])
        screen = Screen(["--interval=0.25"], self.env, 24, 100)
        self.addCleanup(screen.close)
        frame = screen.read_until(r"and \d+ more: 0 above, \d+ below")
        self.assertIn(" t1 ", frame)
        self.assertEqual(len(frame.split("\n")), 24)
        shown = len(re.findall(r"^ *\d+ t\d+ ", frame, re.M))
        self.assertIn(f"and {100 - shown} more", frame)
        os.write(screen.master, b"\x1b[6~")
        frame = screen.read_until(r"more: 1[0-9] above")
        self.assertNotIn(" t1 ", frame)
        # A sequence may come in pieces.
        os.write(screen.master, b"\x1b")
        time.sleep(0.3)
        os.write(screen.master, b"[F")
        frame = screen.read_until(r"below \(")
        frame = screen.read_until(r"more: \d+ above, 0 below")
        self.assertIn(" t100 ", frame)
        os.write(screen.master, b"k")
        screen.read_until(r"more: \d+ above, 1 below")
        os.write(screen.master, b"\x1b[H")
        screen.read_until(r"more: 0 above, \d+ below")
        screen.resize(140, 100)
        frame = screen.read_until(r"^100 t100 ")
        self.assertNotIn("more:", frame)
        os.write(screen.master, b"q")
        self.check_end(screen, "q")

    def check_end(self, screen, wanted):
        self.assertEqual(screen.process.wait(LIMIT), 0)
        rest = b""
        while select.select([screen.master], [], [], 0.2)[0]:
            rest += os.read(screen.master, 65536)
        self.assertIn(b"\x1b[?25h\x1b[?1049l", rest, wanted)
        after = termios.tcgetattr(screen.slave)
        self.assertEqual(screen.before, after)

    def test_keys(self):
        screen = self.screen()
        screen.read_until("pretender")
        self.assertNotEqual(termios.tcgetattr(screen.slave), screen.before)
        os.write(screen.master, b"xyz")
        screen.read_until("pretender")
        os.write(screen.master, b"q")
        self.check_end(screen, "q")

    def test_interrupt(self):
        screen = self.screen()
        screen.read_until("pretender")
        os.write(screen.master, b"\x03")
        self.check_end(screen, "Ctrl-C")

    def test_terminated(self):
        screen = self.screen()
        screen.read_until("pretender")
        screen.process.terminate()
        self.check_end(screen, "SIGTERM")


class Pipelines(Folder):
    PIPELINE = ["fakesrc", "sizetype=fixed", "sizemax=1024",
                "filltype=pattern", "!", "vyreinterp", "name=up",
                "program=ascii-upper", "!", "vyreinterp", "name=count",
                "program=newline-count", "bindings=newlines=keep", "!",
                "fakesink"]

    def start(self, **more):
        process = subprocess.Popen(
            ["gst-launch-1.0", "-q", *self.PIPELINE], text=True,
            env=dict(self.env, **more), stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT)

        def end():
            if process.poll() is None:
                process.kill()
            process.wait()
            process.stdout.close()
        self.addCleanup(end)
        return process

    def wait_for_socket(self, process):
        name = f"{process.pid}-0.sock"
        for _ in range(LIMIT * 10):
            if process.poll() is not None:
                break
            if name in self.sockets():
                return name
            time.sleep(0.1)
        raise AssertionError(process.communicate()[0])

    def sockets(self):
        try:
            return os.listdir(self.folder)
        except FileNotFoundError:
            return []

    def test_whole_life(self):
        quiet = self.start()
        process = self.start(VYRE_TOP="1")
        name = self.wait_for_socket(process)
        mode = os.lstat(os.path.join(self.folder, name)).st_mode
        self.assertTrue(stat.S_ISSOCK(mode))
        self.assertEqual(stat.S_IMODE(mode), 0o600)
        self.assertEqual(stat.S_IMODE(os.stat(self.folder).st_mode), 0o700)
        self.assertEqual(self.sockets(), [name])
        quiet.kill()

        watch = subprocess.Popen(
            [VYRE, "top", "--json", "--interval=0.5"], env=self.env, text=True,
            stdout=subprocess.PIPE, stderr=subprocess.PIPE)
        seen = [json.loads(watch.stdout.readline()) for _ in range(6)]
        # Stopped as gst-launch-1.0 stops.
        process.send_signal(signal.SIGINT)
        self.assertEqual(process.wait(LIMIT), 0, process.stdout.read())
        rest, errors = watch.communicate(timeout=LIMIT)
        self.assertEqual(watch.returncode, 0, errors)
        self.assertEqual(self.sockets(), [])
        seen += [json.loads(l) for l in rest.splitlines()]

        last = seen[5]
        self.assertEqual(last["pid"], process.pid)
        self.assertIn(last["residency"], ("sliced", "resident"))
        self.assertEqual({t["name"] for t in last["tenants"]},
                         {"up", "count"})
        for tenant in last["tenants"]:
            self.assertEqual(
                tenant["submitted"], tenant["in-flight"] + sum(
                    tenant[k] for k in ("done", "faulted", "cancelled",
                                        "lost")))
            self.assertGreater(tenant["done"], 0)
            latency = tenant["latency"]
            self.assertEqual(sum(n for _, n in latency["buckets"]),
                             tenant["done"])
            self.assertLessEqual(latency["p50-ns"], latency["p99-ns"])
            self.assertLessEqual(latency["p99-ns"], latency["max-ns"])
            self.assertLess(latency["max-ns"], 1e11)
            self.assertGreater(latency["sum-ns"], 0)
        done = [s["runtime"]["windows-done"] for s in seen]
        self.assertEqual(done, sorted(done))
        self.assertGreater(done[5], done[0])
        self.assertGreater(sum(s["rates"]["windows-per-second"]
                               for s in seen), 0)
        self.assertEqual(last["ring"]["slots"], sum(
            last["ring"][k] for k in ("empty", "published", "claimed", "done",
                                      "wait-io", "yield", "requeue", "fault",
                                      "unknown")))

    def test_killed(self):
        process = self.start(VYRE_TOP="1")
        name = self.wait_for_socket(process)
        process.kill()
        process.wait()
        self.assertEqual(self.sockets(), [name])
        self.assertEqual(self.top("--list").stdout, "")
        other = self.start(VYRE_TOP="1")
        name = self.wait_for_socket(other)
        self.assertEqual(self.sockets(), [name])

    def test_no_folder(self):
        """The pipeline runs all the same, and says what is wrong."""
        with open(os.path.join(self.base, "file"), "w"):
            pass
        self.PIPELINE = [*self.PIPELINE[:2], "num-buffers=3",
                         *self.PIPELINE[2:]]
        process = self.start(VYRE_TOP="1", G_DEBUG="",
                             XDG_RUNTIME_DIR=os.path.join(self.base, "file"))
        out = process.communicate(timeout=LIMIT)[0]
        self.assertEqual(process.returncode, 0, out)
        self.assertEqual(out.count("VYRE_TOP: nothing for vyre top"), 1, out)


if __name__ == "__main__":
    unittest.main(argv=sys.argv[:1] + sys.argv[4:])
