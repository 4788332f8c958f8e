#!/usr/bin/env python3
"""Prints line coverage per room from the JSON that `swift test --enable-code-coverage` leaves."""
import collections
import json
import sys

rooms = collections.OrderedDict()
try:
    with open(sys.argv[1]) as source:
        report = json.load(source)
except FileNotFoundError:
    sys.exit("no coverage was recorded: the run ended before it was written, or tests failed")
for entry in report["data"][0]["files"]:
    path = entry["filename"]
    if "/Sources/" not in path or "/.build/" in path:
        continue
    room = path.split("/Sources/")[1].split("/")[0]
    lines = entry["summary"]["lines"]
    have = rooms.setdefault(room, [0, 0, 0])
    have[0] += lines["covered"]
    have[1] += lines["count"]
    have[2] += 1
covered = sum(room[0] for room in rooms.values())
count = sum(room[1] for room in rooms.values())
print(f"{'room':<20} {'files':>6} {'lines':>8} {'covered':>8}")
for name, (hit, lines, files) in sorted(rooms.items()):
    print(f"{name:<20} {files:>6} {lines:>8} {100 * hit / max(lines, 1):>7.1f}%")
print(f"{'all':<20} {sum(r[2] for r in rooms.values()):>6} {count:>8} {100 * covered / max(count, 1):>7.1f}%")
