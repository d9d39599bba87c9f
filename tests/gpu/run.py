#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs the tests of a bundle (tests/gpu/bundle.sh) on a machine with a GPU.

Tests that take the GPU for themselves run one after the other, then those that
share it: compiled programs, and random programs in several processes. libFuzzer
targets use the cores that are left.
Ends with a table, and with status 1 if anything failed, was skipped, or was
not run to its end.
"""

import argparse
import ctypes
import json
import os
import re
import signal
import subprocess
import sys
import threading
import time

# target: executions per job, jobs. The decoders of programs get the most.
FUZZ = {
    "wire": (500000, 16),
    "text": (250000, 16),
    "canonical": (250000, 12),
    "telemetry": (1250000, 4),
    "format": (1250000, 4),
    "replay": (1500000, 2),
}
PROGRAMS_TEXT = ("text", "canonical")  # targets that a dictionary helps
TAP = ("copy", "engine", "builtins", "hostile", "endless", "workgroups",
       "workgroups --jit", "snapshot", "prepared", "offer", "replay",
       "replay-builtins", "monitor",
       "tenant-stats", "restart", "exit", "partition", "side-by-side",
       "jit-fixtures", "jit-programs",
       "jit-grouped", "jit-random", "src", "interp", "interp-stream",
       "interp-fault", "interp-many", "interp-print", "interp-exit",
       "interp-quiet", "stats", "mixed", "hang")
# Each of the replays compiles the kernels.
LIMITS = {"conform": 60, "conform jit": 200, "functions": 60, "tap": 60,
          "replay-builtins": 200, "differ": 120, "fuzz": 200}
ADDR_NO_RANDOMIZE = 0x0040000


class Failure(Exception):
    """What a job's output says went wrong."""


class Job:
    """A command of a row of the table. read() takes its output and returns
    (counts to add up, detail), or raises Failure."""

    def __init__(self, row, name, command, limit, read, sanitized=False):
        self.row = row
        self.name = name
        self.command = command
        self.limit = limit
        self.read = read
        self.sanitized = sanitized

    def run(self, out, deadline):
        begin = time.monotonic()
        limit = min(self.limit, deadline - begin)
        path = os.path.join(out, f"{self.name}.log")
        if limit <= 0:
            return Result(self, 0, {}, "", "not run: no time left")
        with open(path, "w+", encoding="utf-8", errors="replace") as log:
            process = subprocess.Popen(
                self.command, stdin=subprocess.DEVNULL, stdout=log,
                stderr=subprocess.STDOUT, start_new_session=True,
                preexec_fn=fixed_addresses if self.sanitized else None)
            late = False
            try:
                process.wait(limit)
            except subprocess.TimeoutExpired:
                late = True
                log.write(describe_threads(process.pid))
                os.killpg(process.pid, signal.SIGKILL)
                process.wait()
            log.seek(0)
            text = log.read()
        seconds = time.monotonic() - begin
        counts, detail, problem = {}, "", ""
        try:
            counts, detail = self.read(text)
        except Failure as failure:
            problem = str(failure)
        if late:
            problem = f"ran past {limit:.0f} s"
        elif process.returncode == 77:
            problem = "skipped: no device"
        elif process.returncode != 0:
            problem = problem or f"status {process.returncode}"
        return Result(self, seconds, counts, detail, problem)


class Result:
    def __init__(self, job, seconds, counts, detail, problem):
        self.job = job
        self.seconds = seconds
        self.counts = counts
        self.detail = detail
        self.problem = problem


def read_proc(path):
    try:
        with open(path, encoding="utf-8", errors="replace") as file:
            return file.read().strip()
    except OSError as error:
        return error.strerror


def describe_threads(pid):
    """What the threads of a process that does not end wait for, as far as the
    system tells."""
    folder = f"/proc/{pid}/task"
    text = "\n"
    for task in sorted(os.listdir(folder)) if os.path.isdir(folder) else []:
        say = [read_proc(f"{folder}/{task}/{name}")
               for name in ("comm", "wchan", "syscall", "stack")]
        times = read_proc(f"{folder}/{task}/stat").rpartition(")")[2].split()
        text += (f"# thread {task} {say[0]}: state {times[:1]}, "
                 f"ticks {times[11:13]}, in {say[1]}, {say[2]}\n{say[3]}\n")
    return text


def fixed_addresses():
    """Older address sanitizers do not start where addresses are very random."""
    ctypes.CDLL(None).personality(ADDR_NO_RANDOMIZE)


def driver_faults():
    """What the kernel says of devices that a driver has reset or lost, where it
    may be read."""
    try:
        log = subprocess.run(["dmesg"], stdout=subprocess.PIPE, text=True,
                             stderr=subprocess.DEVNULL, errors="replace",
                             check=False).stdout
    except OSError:
        return []
    return [line for line in log.splitlines()
            if re.search(r"\bXid\b|amdgpu.*(reset|timeout)|GPU HANG", line)]


# --- what jobs print ---------------------------------------------------------


def need(pattern, text):
    found = re.search(pattern, text, re.MULTILINE)
    if not found:
        raise Failure("no summary in its output")
    return [int(group) for group in found.groups()]


def read_conform(text):
    passed, failed, refused = need(
        r"^(\d+) passed, (\d+) failed, (\d+) refused$", text)
    return {"passed": passed, "failed": failed, "refused": refused}, ""


def read_functions(text):
    passed, failed = need(r"^(\d+) passed, (\d+) failed$", text)
    worst = re.findall(r"^worst error of (\w+): (\d+) ULP", text, re.MULTILINE)
    return ({"passed": passed, "failed": failed},
            "worst ULP: " + ", ".join(f"{name} {ulp}" for name, ulp in worst))


def read_tap(text):
    skipped = len(re.findall(r"^ok .*# SKIP", text, re.MULTILINE))
    counts = {
        "passed": len(re.findall(r"^ok ", text, re.MULTILINE)) - skipped,
        "failed": len(re.findall(r"^not ok ", text, re.MULTILINE)),
        "skipped": skipped,
    }
    if counts["passed"] == 0:
        raise Failure("no test passed")
    return counts, "; ".join(re.findall(
        r"^# ((?:longest|megakernel compiled).*)$", text, re.MULTILINE))


def read_differ(text):
    programs, differ, faults, long = need(
        r"^# (\d+) programs from seed \d+, (\d+) differ, (\d+) end in a fault, "
        r"(\d+) were too long", text)
    return {"programs": programs, "differ": differ, "faults": faults,
            "too long": long}, ""


def read_fuzz(text):
    executed, = need(r"^stat::number_of_executed_units: (\d+)$", text)
    return {"executions": executed}, ""


# --- what there is to do -----------------------------------------------------


def engines(vyre):
    text = subprocess.run([vyre, "conform", "--help"], stdout=subprocess.PIPE,
                          text=True, check=True).stdout
    line = re.search(r"--engine=.*", text)[0]
    return [engine for engine in ("reference", "interp", "jit")
            if re.search(rf"\b{engine}\b", line)]


def conform_jobs(content, engine):
    vyre = os.path.join(content, "bin", "vyre")
    if engine not in engines(vyre):
        return []
    row = f"conform {engine}"
    with open(os.path.join(content, "conform.json"), encoding="utf-8") as file:
        folders = json.load(file)
    return [Job(row, f"conform-{engine}-{folder}",
                [sys.executable, os.path.join(content, "conform.py"), vyre,
                 engine, os.path.join(content, "refused.txt"),
                 os.path.join(content, "fixtures", folder), str(count)],
                LIMITS.get(row, LIMITS["conform"]), read_conform)
            for folder, count in folders.items()]


def gpu_jobs(content):
    jobs = []
    for test in TAP:
        name, *arguments = test.split()
        executable = os.path.join(
            content, "bin", name if name == "copy" else f"test-{name}")
        jobs.append(Job(test, test.replace(" --", "-"),
                        [executable, *arguments], LIMITS.get(test, LIMITS["tap"]),
                        read_tap))
    jobs += conform_jobs(content, "reference")
    jobs += conform_jobs(content, "interp")
    jobs.append(Job("functions", "functions",
                    [sys.executable, os.path.join(content, "functions.py"),
                     os.path.join(content, "bin", "vyre")],
                    LIMITS["functions"], read_functions))
    return jobs


def differ_jobs(content, programs, processes, seed):
    """Resident kernels keep the GPU from other processes for their share of
    time: one of the processes has them, the others launch when there is work."""
    chunk = max(1, min(2500, programs // processes))
    jobs = []
    for first in range(0, programs, chunk):
        residency = "auto" if len(jobs) % processes == 0 else "sliced"
        count = min(chunk, programs - first)
        jobs.append(Job(
            f"differ {residency}", f"differ-{seed + first}",
            [os.path.join(content, "bin", "differ"), "--count", str(count),
             "--seed", str(seed + first), "--residency", residency],
            LIMITS["differ"], read_differ))
    return jobs


def fuzz_jobs(content, out, scale, seed):
    jobs = []
    for target, (runs, n) in FUZZ.items():
        executable = os.path.join(content, "bin", f"fuzz-{target}")
        if not os.path.exists(executable):
            continue
        for k in range(n):
            name = f"fuzz-{target}-{k}"
            corpus = os.path.join(content, "corpus", name)
            os.makedirs(corpus)
            command = [
                executable, f"-runs={max(1, int(runs * scale))}",
                f"-seed={seed + k}", "-timeout=30", "-rss_limit_mb=3000",
                "-malloc_limit_mb=1500", "-max_len=8192",
                "-print_final_stats=1",
                f"-artifact_prefix={os.path.join(out, name)}-"]
            if target in PROGRAMS_TEXT:
                command.append("-dict=" + os.path.join(content,
                                                       "programs.dict"))
            command += [corpus, os.path.join(content, "seeds", target)]
            jobs.append(Job(f"fuzz {target}", name, command, LIMITS["fuzz"],
                            read_fuzz, sanitized=True))
    # A long row at the end would leave the cores idle: turn by turn.
    jobs.sort(key=lambda job: int(job.name.rsplit("-", 1)[1]))
    return jobs


# --- running -----------------------------------------------------------------


class Runner:
    def __init__(self, out, deadline, gpu, shared, sharing, fuzz):
        self.out = out
        self.deadline = deadline
        self.lock = threading.Condition()
        self.gpu = gpu
        self.shared = shared
        self.sharing = sharing  # processes at once
        self.fuzz = fuzz
        self.gpu_busy = bool(gpu)
        self.n_sharing = 0
        self.results = []

    def next_job(self):
        """The next job of a worker that serves cores; None: there is none."""
        with self.lock:
            while True:
                if (self.shared and not self.gpu_busy and
                        self.n_sharing < self.sharing):
                    self.n_sharing += 1
                    return self.shared.pop(0), True
                if self.fuzz:
                    return self.fuzz.pop(0), False
                if not self.shared:
                    return None, False
                self.lock.wait()

    def finish(self, job):
        result = job.run(self.out, self.deadline)
        with self.lock:
            self.results.append(result)
        if result.problem:
            print(f"{job.name}: {result.problem}", flush=True)

    def serve_gpu(self):
        for job in self.gpu:
            self.finish(job)
        with self.lock:
            self.gpu_busy = False
            self.lock.notify_all()

    def serve_core(self):
        while True:
            job, on_gpu = self.next_job()
            if job is None:
                return
            self.finish(job)
            with self.lock:
                self.n_sharing -= on_gpu
                self.lock.notify_all()

    def run(self, cores):
        threads = [threading.Thread(target=self.serve_gpu)]
        threads += [threading.Thread(target=self.serve_core)
                    for _ in range(cores)]
        for thread in threads:
            thread.start()
        for thread in threads:
            thread.join()


def table(results):
    """Rows of the summary, and whether all is well."""
    rows = {}
    for result in results:
        rows.setdefault(result.job.row, []).append(result)
    lines, well = [], True
    for name, row in rows.items():
        counts, details = {}, []
        for result in row:
            for key, value in result.counts.items():
                counts[key] = counts.get(key, 0) + value
            if result.problem:
                details.append(f"{result.job.name}: {result.problem}")
            if result.detail:
                details.append(result.detail)
        failed = (any(result.problem for result in row) or
                  counts.get("failed", 0) or counts.get("differ", 0))
        well = well and not failed
        text = ", ".join(f"{value:,} {key}" for key, value in counts.items())
        lines.append(f"{name:<18} {'FAIL' if failed else 'ok':<5}"
                     f"{sum(result.seconds for result in row):7.1f} s  {text}")
        lines += [f"{'':34}{detail}" for detail in details[:10]]
    return lines, well


def total(results, kind, key):
    return sum(result.counts.get(key, 0) for result in results
               if result.job.row.startswith(kind))


def main():
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("content", help=argparse.SUPPRESS)
    parser.add_argument("out", help=argparse.SUPPRESS)
    parser.add_argument("--programs", type=int, default=100000,
                        help="random programs (%(default)s)")
    parser.add_argument("--processes", type=int, default=8,
                        help="that share the GPU (%(default)s)")
    parser.add_argument("--seed", type=int, default=int(time.time()),
                        help="of the random programs and of libFuzzer (the time)")
    parser.add_argument("--fuzz-scale", type=float, default=1.0,
                        help="times the usual number of executions")
    parser.add_argument("--seconds", type=float, default=285,
                        help="for everything (%(default)s)")
    parser.add_argument("--only", default="",
                        help="jobs whose names match this regular expression")
    parser.add_argument("--repeat", type=int, default=1,
                        help="how often those run that take the GPU for "
                        "themselves (%(default)s)")
    arguments = parser.parse_args()
    if (arguments.processes < 1 or arguments.programs < 0 or
            arguments.repeat < 1):
        parser.error("nothing to run with")

    begin = time.monotonic()
    os.makedirs(arguments.out, exist_ok=True)
    out = os.path.abspath(arguments.out)
    content = os.path.abspath(arguments.content)
    os.environ["G_DEBUG"] = "fatal-criticals"
    os.environ["G_SLICE"] = "always-malloc"
    os.environ["VYRE_CACHE_DIR"] = os.path.join(content, "cache")
    os.environ["VYRE_FIXTURES"] = os.path.join(content, "fixtures")
    os.environ["VYRE_TEST_PLUGIN_DIR"] = os.path.join(content, "gst")
    os.environ["VYRE_TEST_SYSTEM_PLUGINS"] = os.path.join(content, "plugins")
    devices = subprocess.run([os.path.join(content, "bin", "vyre"), "devices"],
                             stdout=subprocess.PIPE, text=True, check=False)
    if devices.returncode != 0:
        sys.exit("no Vulkan device: is the driver installed? VK_DRIVER_FILES "
                 "names its JSON file where the loader does not find it")
    head = [f"seed {arguments.seed}, {os.cpu_count()} cores", devices.stdout]
    print("\n".join(head), flush=True)

    chosen = re.compile(arguments.only)
    gpu, shared, fuzz = (
        [job for job in jobs if chosen.search(job.name)] for jobs in (
            gpu_jobs(content),
            conform_jobs(content, "jit") + differ_jobs(
                content, arguments.programs, arguments.processes,
                arguments.seed),
            fuzz_jobs(content, out, arguments.fuzz_scale, arguments.seed)))
    gpu = [Job(job.row, f"{job.name}-{turn}" if turn else job.name,
               job.command, job.limit, job.read, job.sanitized)
           for turn in range(arguments.repeat) for job in gpu]
    known_faults = len(driver_faults())
    # The runtime of the test in hand has threads of its own.
    cores = max(1, (os.cpu_count() or 1) - 3)
    runner = Runner(out, begin + arguments.seconds, gpu, shared,
                    arguments.processes, fuzz)
    runner.run(cores)

    lines, well = table(sorted(runner.results,
                               key=lambda result: result.job.row))
    lines += driver_faults()[known_faults:][:20]
    lines.append(f"{total(runner.results, 'differ', 'programs'):,} random "
                 f"programs, {total(runner.results, 'fuzz', 'executions'):,} "
                 f"fuzzing executions, {time.monotonic() - begin:.0f} s: "
                 + ("all passed" if well and runner.results else "FAILED"))
    print("\n".join(lines))
    with open(os.path.join(out, "summary.txt"), "w", encoding="utf-8") as file:
        file.write("\n".join(head + lines) + "\n")
    return 0 if well and runner.results else 1


if __name__ == "__main__":
    sys.exit(main())
