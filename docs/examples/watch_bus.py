#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Runs a pipeline, watches its bus for the messages of vyrestats, and writes
them to a CSV file: a row for each, as it comes.

    watch_bus.py CSV PIPELINE...

PIPELINE is what gst-launch-1.0 takes, and has a vyrestats in it:

    watch_bus.py out.csv vyresrc location=FILE ! vyreinterp program=invert ! \\
        vyrestats interval=200000000 ! fakesink

watch-bus.c does the same. plot_stats.py draws such a file.
"""
import csv
import sys
import time

import gi

gi.require_version("Gst", "1.0")
from gi.repository import GLib, Gst

# Columns, and the field GROUP/NAME of the message for each.
COLUMNS = {
    "windows_done": ("runtime", "windows-done"),
    "windows_faulted": ("runtime", "windows-faulted"),
    "windows_in_flight": ("runtime", "windows-in-flight"),
    "bytes_bound": ("runtime", "bytes-bound"),
    "launches": ("runtime", "launches"),
    "depth_bps": ("counters", "frontier-density-bps"),
    "host_copy_bytes": ("evidence", "host-copy-bytes"),
    "host_copy_avoided_bytes": ("evidence", "host-copy-avoided-bytes"),
    "stalled": ("watchdog", "stalled"),
}


def cell(message, group, name):
    """A number, or an empty cell where the runtime did not say."""
    fields = message.get_value(group)
    value = fields.get_value(name) if fields is not None else None
    if isinstance(value, bool):
        return int(value)
    if isinstance(value, float):
        return "%.6g" % value
    return "" if value is None else value


class Watch:
    def __init__(self, file):
        self.file = file
        self.writer = csv.writer(file, lineterminator="\n")
        self.writer.writerow(["seconds", *COLUMNS])
        self.start = None
        self.rows = 0
        self.failed = False
        self.loop = GLib.MainLoop()

    def write_row(self, message):
        now = time.monotonic()
        # Before vyreinterp has a runtime there is nothing to write down.
        if not message.get_value("attached"):
            return
        if self.start is None:
            self.start = now
        self.writer.writerow(
            ["%.6f" % (now - self.start),
             *(cell(message, *field) for field in COLUMNS.values())])
        self.rows += 1
        # So that it can be drawn while the pipeline runs.
        self.file.flush()

    def on_message(self, _, message):
        structure = message.get_structure()
        if message.type == Gst.MessageType.ELEMENT:
            if structure.get_name() == "vyrestats":
                self.write_row(structure)
        elif message.type == Gst.MessageType.ERROR:
            error, debug = message.parse_error()
            print(f"{message.src.get_name()}: {error.message}\n{debug or ''}",
                  file=sys.stderr)
            self.failed = True
            self.loop.quit()
        elif message.type == Gst.MessageType.EOS:
            self.loop.quit()

    def run(self, pipeline):
        bus = pipeline.get_bus()
        bus.add_signal_watch()
        bus.connect("message", self.on_message)
        # What goes wrong comes as a message too.
        pipeline.set_state(Gst.State.PLAYING)
        try:
            self.loop.run()
        finally:
            pipeline.set_state(Gst.State.NULL)
            bus.remove_signal_watch()
        return not self.failed


def main():
    if len(sys.argv) < 3:
        print("usage: watch_bus.py CSV PIPELINE...", file=sys.stderr)
        return 2
    Gst.init(None)
    try:
        pipeline = Gst.parse_launchv(sys.argv[2:])
        with open(sys.argv[1], "w", newline="") as file:
            watch = Watch(file)
            ok = watch.run(pipeline)
    except (GLib.Error, OSError) as error:
        print(error, file=sys.stderr)
        return 1
    print(f"{sys.argv[1]}: {watch.rows} rows")
    if watch.rows == 0:
        print("no vyrestats said anything: is one in the pipeline, and a "
              "vyreinterp?", file=sys.stderr)
    return 0 if ok and watch.rows > 0 else 1


if __name__ == "__main__":
    sys.exit(main())
