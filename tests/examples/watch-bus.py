# SPDX-License-Identifier: LGPL-2.1-or-later
"""The examples that watch the bus, in C and Python, and the one that draws what
they write. Parts whose Python packages are missing are skipped, and say so.

  watch-bus.py SANITIZER EXECUTABLE FOLDER PLUGINS...

FOLDER: where the Python examples are. Python cannot load a plugin with a
SANITIZER other than "none".
"""
import csv
import importlib.util
import os
import struct
import subprocess
import sys
import tempfile

sanitizer, executable, examples, *plugins = sys.argv[1:]
PIPELINE = ("fakesrc sizetype=fixed sizemax=1024 filltype=pattern num-buffers="
            "{} ! vyreinterp program=invert ! vyrestats interval=50000000 ! "
            "fakesink")
ROWS = 40
skipped = []


def check(ok, what):
    if not ok:
        sys.exit("failed: " + what)


def run(*command, status=0):
    done = subprocess.run(command, env=env, text=True, capture_output=True,
                          timeout=100)
    check(done.returncode == status,
          f"{command[0]}: status {done.returncode}, {done.stderr}")
    return done


def check_csv(path, n_buffers):
    with open(path, newline="") as file:
        rows = list(csv.DictReader(file))
    check(rows, "there are rows")
    for name in rows[0]:
        column = [float(row[name]) for row in rows]
        if name not in ("windows_in_flight", "depth_bps", "stalled"):
            check(column == sorted(column), f"{name} only rises: {column}")
    last = rows[-1]
    check(last["windows_done"] == str(n_buffers), f"windows: {last}")
    # Input and output of each.
    check(last["bytes_bound"] == str(2 * 1024 * n_buffers), f"bytes: {last}")
    check(all(0 <= float(row["depth_bps"]) <= 10000 for row in rows), "ratios")
    return list(rows[0])


def watch(name, *command):
    path = os.path.join(folder, name + ".csv")
    titles = check_csv_of(path, *command)
    error = run(*command, path, *"fakesrc num-buffers=1 ! vyreinterp "
                "program=no-such-program ! vyrestats ! fakesink".split(),
                status=1)
    check("no-such-program" in error.stderr, f"{name} shows errors")
    run(*command, path, "no-such-element", status=1)
    run(*command, path, *"fakesrc num-buffers=1 ! fakesink".split(), status=1)
    run(*command, os.path.join(folder, "none", "x.csv"), "fakesrc", "!",
        "fakesink", status=1)
    run(*command, status=2)
    return titles


def check_csv_of(path, *command):
    out = run(*command, path, *PIPELINE.format(ROWS).split())
    check("rows" in out.stdout, "it says what it wrote")
    return check_csv(path, ROWS)


def plot():
    """Of rows with known contents."""
    script = os.path.join(examples, "plot_stats.py")
    table = os.path.join(folder, "table.csv")
    picture = os.path.join(folder, "table.png")
    with open(table, "w") as file:
        file.write(",".join(titles) + "\n")
        for i in range(20):
            file.write(",".join(str(i if t not in ("depth_bps", "stalled")
                                    else i % 2) for t in titles) + "\n")
        file.write("1,,,\n")
    run(sys.executable, script, table, picture, "a title")
    with open(picture, "rb") as file:
        data = file.read()
    check(data[:8] == b"\x89PNG\r\n\x1a\n", "it is a PNG")
    check(struct.unpack(">II", data[16:24]) == (630, 378), "of that size")
    with open(table, "w") as file:
        file.write(",".join(titles) + "\n")
    few = run(sys.executable, script, table, picture, status=1)
    check("two rows" in few.stderr, "too few rows are an error")
    run(sys.executable, script, table + ".none", picture, status=1)
    run(sys.executable, script, status=2)


with tempfile.TemporaryDirectory() as folder:
    env = dict(os.environ,
               GST_PLUGIN_SYSTEM_PATH_1_0="",
               GST_PLUGIN_PATH_1_0=":".join(plugins),
               GST_REGISTRY_FORK="no",
               ASAN_OPTIONS="detect_leaks=0",
               MPLCONFIGDIR=folder,
               GST_REGISTRY_1_0=os.path.join(folder, "registry.bin"))
    titles = watch("c", executable)
    if sanitizer != "none":
        skipped.append("watch_bus.py (sanitizer)")
    elif importlib.util.find_spec("gi"):
        python_titles = watch(
            "python", sys.executable, os.path.join(examples, "watch_bus.py"))
        check(python_titles == titles, "both write the same columns")
    else:
        skipped.append("watch_bus.py (python3-gi)")
    if importlib.util.find_spec("matplotlib"):
        plot()
    else:
        skipped.append("plot_stats.py (python3-matplotlib)")
    if skipped:
        print("skipped:", ", ".join(skipped))
