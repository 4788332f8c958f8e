#!/usr/bin/env python3
"""Measures Muster, and Kamailio beside it where it is installed, with `muster load`.

Every case runs on each server in turn, the order reversed every other time, so that all see the same machine. The main
figure is CPU per operation: user and system time of the server's processes divided by completed operations.
"""
import argparse
import collections
import glob
import json
import os
import shutil
import signal
import socket
import statistics
import subprocess
import sys
import tempfile
import time

HERE = os.path.dirname(os.path.abspath(__file__))
ROOT = os.path.dirname(HERE)

# name: (arguments of `muster load`, presentity numbers used, phase of interest, the floor that belongs to it)
CASES = collections.OrderedDict([
    ("publish, no watcher", ("--mode publish-mod --presentities 1000 --ops 20000 --window 32 --duration 6", 1000, "publish-mod", "1")),
    ("publish, first", ("--mode publish-init --ops 10000 --window 32 --duration 6", 10000, "publish-init", "1")),
    ("publish, refresh", ("--mode publish-refresh --presentities 1000 --ops 20000 --window 32 --duration 6", 1000, "publish-refresh", "1")),
    ("publish, 1 watcher", ("--mode fan-out --presentities 500 --watchers 1 --ops 10000 --window 32 --duration 6", 500, "fan-out", "1a")),
    ("publish, 10 watchers", ("--mode fan-out --presentities 100 --watchers 10 --ops 3000 --window 16 --duration 6", 100, "fan-out", "10a")),
    ("publish, 100 watchers", ("--mode fan-out --presentities 20 --watchers 100 --ops 400 --window 4 --duration 6", 20, "fan-out", "100a")),
    ("subscribe", ("--mode subscribe --prepublish --presentities 1000 --ops 10000 --refresh-rounds 1 --unsub --window 32", 1000, "subscribe", "2")),
    ("fetch", ("--mode fetch --prepublish --presentities 1000 --ops 10000 --window 32", 1000, "fetch", "2")),
    ("latency, 10 watchers", ("--mode fan-out --presentities 50 --watchers 10 --ops 300 --rate 75 --warmup 20 --window 32", 50, "fan-out", None)),
])
FLOORS = {
    "1": "--in 1000 --out 400 --n 1 --ops 40000", "2": "--in 450 --out 1170 --n 2 --ops 40000 --mmsg 1 --recvbatch 1",
    "1a": "--in 1000 --out 1170 --n 1 --ops 40000 --ack 350 --mmsg 1 --recvbatch 1",
    "10a": "--in 1000 --out 1170 --n 10 --ops 20000 --ack 350 --mmsg 1 --recvbatch 1",
    "100a": "--in 1000 --out 1170 --n 100 --ops 2000 --ack 350 --mmsg 1 --recvbatch 1",
}


def free_port():
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        return probe.getsockname()[1]


def answers(port):
    """Whether something on the port answers SIP."""
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as probe:
        probe.bind(("127.0.0.1", 0))
        probe.settimeout(0.2)
        here = probe.getsockname()[1]
        probe.sendto((
            f"OPTIONS sip:bench.test SIP/2.0\r\nVia: SIP/2.0/UDP 127.0.0.1:{here};branch=z9hG4bK{time.time_ns()};rport\r\n"
            f"Max-Forwards: 70\r\nFrom: <sip:b@bench.test>;tag=1\r\nTo: <sip:bench.test>\r\nCall-ID: {time.time_ns()}\r\n"
            "CSeq: 1 OPTIONS\r\nContent-Length: 0\r\n\r\n").encode(), ("127.0.0.1", port))
        try:
            return probe.recv(2048).startswith(b"SIP/2.0")
        except OSError:
            return False


def wait_for(port, process, name):
    for _ in range(300):
        if answers(port):
            return
        if process.poll() is not None:
            break
        time.sleep(0.05)
    sys.exit(f"{name} does not answer on port {port}; its log is in the folder above")


def start_muster(muster, folder):
    port = free_port()
    environment = dict(os.environ, MUSTER_SIP_LISTEN=f"udp:127.0.0.1:{port},tcp:127.0.0.1:{port}", MUSTER_ADMINISTRATION_ENABLED="false")
    process = subprocess.Popen(
        [muster, "serve", "--config", f"{ROOT}/examples/bench.yaml", "--data", f"{folder}/data"],
        stderr=open(f"{folder}/muster.log", "w"), env=environment)
    wait_for(port, process, "muster")
    return ("muster", port, [process.pid], process)


def start_kamailio(folder):
    port = free_port()
    database = f"{folder}/kamailio.sqlite"
    schemas = [f"/usr/share/kamailio/db_sqlite/{name}-create.sql" for name in ("standard", "presence")]
    if not all(map(os.path.exists, schemas)) or not shutil.which("sqlite3"):
        return None
    for schema in schemas:
        subprocess.run(["sqlite3", database], stdin=open(schema), check=True)
    process = subprocess.Popen(
        ["kamailio", "-f", f"{HERE}/kamailio.cfg", "-DD", "-E", "-m", "1536", "-M", "32", "-x", "tlsf", "-X", "tlsf",
         "-P", f"{folder}/kamailio.pid", "-w", folder, "-Y", folder, "-A", f'DBURL="sqlite:///{database}"',
         "-A", f"LISTEN_UDP=udp:127.0.0.1:{port}", "-A", f'SELF="sip:127.0.0.1:{port}"'],
        stderr=open(f"{folder}/kamailio.log", "w"))
    wait_for(port, process, "kamailio")
    return ("kamailio", port, [process.pid], process)


def measure(muster, arguments, base, server):
    label, port, pids, _ = server
    command = [muster, "load", "--json", "--target", f"127.0.0.1:{port}", "--local", f"127.0.0.1:{free_port()}", "--base", str(base), "--label", label]
    for pid in pids:
        command += ["--server-pid", str(pid)]
    run = subprocess.run(command + arguments.split(), capture_output=True, text=True, timeout=330)
    if run.returncode != 0:
        sys.stderr.write(f"{label}: {run.stderr}\n")
    return [json.loads(line) for line in run.stdout.splitlines() if line.startswith("{")]


def floors(folder):
    program = f"{folder}/udpfloor"
    if not shutil.which("gcc") or subprocess.run(["gcc", "-O2", "-o", program, f"{HERE}/udpfloor.c"]).returncode:
        return {}
    found = {}
    for name, arguments in FLOORS.items():
        out = subprocess.run([program] + arguments.split(), capture_output=True, text=True, timeout=120).stdout
        for line in out.splitlines():
            if line.startswith("{"):
                row = json.loads(line)
                found[name] = row.get("cpu_us_per_req") or row.get("cpu_us_per_op") or row.get("cpu_us_per_request")
    return found


def table(rows, floor):
    print("| case | server | runs | ops/s | CPU µs/op (min, median, max) | CPU µs/NOTIFY | p50 ms | p99 ms | errors | to Kamailio | to the floor |")
    print("|---|---|---|---|---|---|---|---|---|---|---|")
    medians = {key: statistics.median([r["cpu_us_per_op"] for r in runs]) for key, runs in rows.items()}
    for (case, phase, label), runs in rows.items():
        cpu = [r["cpu_us_per_op"] for r in runs]
        notify = [r["cpu_us_per_notify"] for r in runs if r.get("cpu_us_per_notify")]
        latency = [r.get("lat_last_notify_us") or r.get("lat_final_us") or {} for r in runs]
        middle = lambda values: statistics.median(values) if values else float("nan")
        other = medians.get((case, phase, "kamailio"))
        ratio = f"{medians[(case, phase, label)] / other:.2f}" if other and label != "kamailio" else ""
        base = floor.get(CASES[case][3] or "") if phase == CASES[case][2] else None
        above = f"{medians[(case, phase, label)] / base:.1f}" if base else ""
        print(f"| {case}{'' if phase == CASES[case][2] else ': ' + phase} | {label} | {len(runs)} | {middle([r['ops_per_s'] for r in runs]):.0f} | "
              f"{min(cpu):.1f} / {middle(cpu):.1f} / {max(cpu):.1f} | {middle(notify):.1f} | {middle([l.get('p50', 0) / 1000 for l in latency]):.2f} | "
              f"{middle([l.get('p99', 0) / 1000 for l in latency]):.2f} | {sum(r['errors'] for r in runs)} | {ratio} | {above} |")
    if floor:
        print("\nFloor (the same datagrams without SIP), CPU µs per request: " + ", ".join(f"{k}: {v}" for k, v in floor.items()))


def main():
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--muster", required=True, help="the executable")
    parser.add_argument("--reps", type=int, default=3, help="runs of each case on each server")
    parser.add_argument("--cases", default="", help="only cases whose names contain this text")
    parser.add_argument("--alone", action="store_true", help="without Kamailio")
    options = parser.parse_args()
    folder = tempfile.mkdtemp(prefix="muster-bench-")
    print(f"logs and data: {folder}", file=sys.stderr)
    servers = [start_muster(options.muster, folder)]
    if not options.alone and shutil.which("kamailio"):
        kamailio = start_kamailio(folder)
        if kamailio:
            servers.append(kamailio)
    if len(servers) == 1:
        print("Kamailio is not installed (apt-get install kamailio kamailio-presence-modules kamailio-sqlite-modules kamailio-xml-modules sqlite3): Muster alone", file=sys.stderr)
    rows, base = collections.OrderedDict(), 100000
    try:
        floor = floors(folder)
        for repetition in range(options.reps):
            for case, (arguments, used, _, _) in CASES.items():
                if options.cases not in case:
                    continue
                for server in servers if repetition % 2 == 0 else servers[::-1]:
                    for row in measure(options.muster, arguments, base, server):
                        rows.setdefault((case, row["phase"], server[0]), []).append(row)
                    print(f"  {repetition + 1}/{options.reps} {server[0]:9} {case}", file=sys.stderr)
                base += used
        table(rows, floor)
    finally:
        for server in servers:
            server[3].send_signal(signal.SIGTERM)
        for server in servers:
            server[3].wait(20)


main()
