#!/usr/bin/env python3
# SPDX-License-Identifier: LGPL-2.1-or-later
"""Draws what watch-bus.c or watch_bus.py wrote: throughput, and how full the
ring was.

    plot_stats.py CSV PNG [TITLE]

Needs matplotlib (Debian: python3-matplotlib).
"""
import csv
import sys

import matplotlib

matplotlib.use("Agg")   # no display is needed
import matplotlib.pyplot as plt


def read(path):
    """The columns, as lists of numbers; rows with an empty cell are left
    out."""
    with open(path, newline="") as file:
        rows = [{name: float(cell) for name, cell in row.items()}
                for row in csv.DictReader(file) if all(row.values())]
    if len(rows) < 2:
        raise ValueError(f"{path}: two rows at least are needed, "
                         f"{len(rows)} are there")
    return {name: [row[name] for row in rows] for name in rows[0]}


def rates(columns, name):
    """Of a counter: per second, between each row and the one before."""
    at, counter = columns["seconds"], columns[name]
    return [(b - a) / max(t - s, 1e-6) for a, b, s, t in
            zip(counter, counter[1:], at, at[1:])]


def draw(columns, path, title):
    at = columns["seconds"][1:]
    figure, (top, bottom) = plt.subplots(2, 1, sharex=True, figsize=(7, 4.2),
                                         layout="constrained")
    top.set_title(title, fontsize=10)
    top.plot(at, [r / 1e6 for r in rates(columns, "bytes_bound")],
             color="tab:blue")
    top.set_ylabel("bound, MB/s", color="tab:blue")
    top.set_ylim(bottom=0)
    other = top.twinx()
    other.plot(at, rates(columns, "windows_done"), color="tab:orange")
    other.set_ylabel("windows/s", color="tab:orange")
    other.set_ylim(bottom=0)

    bottom.plot(at, [d / 100 for d in columns["depth_bps"][1:]],
                color="tab:green")
    bottom.set_ylabel("ring in use, %", color="tab:green")
    bottom.set_ylim(0, 100)
    bottom.set_xlabel("seconds")
    other = bottom.twinx()
    other.step(at, columns["windows_in_flight"][1:], color="tab:red",
               where="post")
    other.set_ylabel("windows in flight", color="tab:red")
    other.set_ylim(bottom=0)
    for axes in top, bottom:
        axes.grid(alpha=0.3)
    for begin, end, stalled in zip(columns["seconds"], at,
                                   columns["stalled"][1:]):
        if stalled:
            bottom.axvspan(begin, end, color="red", alpha=0.2)
    figure.savefig(path, format="png", dpi=90)


def main():
    if len(sys.argv) not in (3, 4):
        print("usage: plot_stats.py CSV PNG [TITLE]", file=sys.stderr)
        return 2
    try:
        draw(read(sys.argv[1]), sys.argv[2],
             sys.argv[3] if len(sys.argv) == 4 else sys.argv[1])
    except (OSError, ValueError, KeyError) as error:
        print(f"plot_stats.py: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
