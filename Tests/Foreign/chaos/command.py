"""The command line of `tools/chaos`."""

import argparse
import dataclasses
import datetime
import json
import shutil
import signal
import subprocess
import sys
import tempfile
import time
from pathlib import Path

import contract
from processes import BINARY, ROOT

from chaos.faults import FAULTS
from chaos.session import run_session
from chaos.system import DEFAULT_LEASE_MS

VIOLATED, SKIPPED = 1, 3
# The sessions of --all: fault, seeds, cycles for each seed.
PROGRAM = [
    ("kill-worker", 3, 100),
    ("kill-gateway", 3, 100),
    ("kill-server", 3, 100),
    ("kill-redis", 3, 100),
    ("stop-worker", 2, 50),
    ("stop-server", 1, 50),
    ("cancel-race", 1, 500),
] + [
    (name, 1, 50)
    for name in (
        "drain-worker", "drain-gateway", "pause-redis", "stop-redis", "cut-proxy", "disk-full", "clock-jump",
        "model-hang", "model-garbage", "model-429", "model-500", "drain-server", "mix", "mix-servers",
    )
]  # fmt: skip


def parse(arguments: list[str]) -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="tools/chaos", description="Faults under load, and an oracle.")
    what = parser.add_mutually_exclusive_group(required=True)
    what.add_argument("--fault", choices=FAULTS)
    what.add_argument("--all", action="store_true", help="the whole program; sessions that FILE has are passed over")
    parser.add_argument("--cycles", type=int, default=10)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--lease", type=int, default=DEFAULT_LEASE_MS, help="of the workers, in milliseconds")
    parser.add_argument("--results", type=Path, metavar="FILE", help="gets a row of the table for each session")
    parser.add_argument("--side-by-side", type=int, default=1, metavar="N", help="sessions of --all at once")
    parser.add_argument("--keep", action="store_true", help="keep the folder of the processes; it is kept after a violation")
    options = parser.parse_args(arguments)
    if options.all and not options.results:
        parser.error("--all needs --results")
    return options


def main(arguments: list[str]) -> int:
    options = parse(arguments)
    # As an interrupt from the keyboard does: what was started is ended on the way out.
    signal.signal(signal.SIGTERM, lambda *_: sys.exit(128 + signal.SIGTERM))
    if not BINARY.exists():
        print(f"{BINARY} is missing: build it, or name it in BAUD", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory(prefix="baud-stubs-") as stubs:
        contract.compile_stubs(ROOT / "proto", Path(stubs))
        if not options.all:
            return session(options.fault, options.cycles, options.seed, options)
        sessions = [
            (fault, cycles, seed)
            for fault, seeds, cycles in PROGRAM
            for seed in range(1, seeds + 1)
            if not has_row(options.results, fault, cycles, seed, options.lease)
        ]
        if options.side_by_side > 1:
            statuses = side_by_side(sessions, options)
        else:
            statuses = [session(*each, options) for each in sessions]
    return VIOLATED if VIOLATED in statuses else 0


def side_by_side(sessions: list[tuple[str, int, int]], options: argparse.Namespace) -> list[int]:
    """Each session in a process of its own, so many at once: most of a session is waiting for a lease or a server."""
    start = [sys.executable, "-c", "import sys; from chaos.command import main; sys.exit(main(sys.argv[1:]))"]
    kept = ["--lease", options.lease, "--results", options.results] + ["--keep"] * options.keep
    waiting, running, statuses = list(sessions), [], []
    try:
        while waiting or running:
            while waiting and len(running) < options.side_by_side:
                fault, cycles, seed = waiting.pop(0)
                which = ["--fault", fault, "--cycles", cycles, "--seed", seed]
                running.append(subprocess.Popen([*start, *map(str, which + kept)]))
            statuses += [child.returncode for child in running if child.poll() is not None]
            running = [child for child in running if child.returncode is None]
            time.sleep(0.2)
    finally:
        for child in running:
            child.terminate()
        for child in running:
            child.wait()
    return statuses


def session(fault: str, cycles: int, seed: int, options: argparse.Namespace) -> int:
    """One session, its line on the standard output and its row in the file."""
    if reason := FAULTS[fault].missing():
        print(json.dumps({"fault": fault, "skipped": reason}), flush=True)
        return SKIPPED
    # Short, as the path of a Unix socket must be.
    folder = Path(tempfile.mkdtemp(prefix="chaos-"))
    report = run_session(fault, cycles, seed, options.lease, folder)
    print(json.dumps(dataclasses.asdict(report)), flush=True)
    if options.results:
        with options.results.open("a") as file:
            file.write(row(report, cycles, options.lease))
    if report.violations or options.keep:
        print(f"what the processes said is in {folder}", file=sys.stderr)
    else:
        shutil.rmtree(folder)
    return VIOLATED if report.violations else 0


# The table of docs/RELIABILITY.md


def command(fault: str, cycles: int, seed: int, lease_ms: int) -> str:
    lease = "" if lease_ms == DEFAULT_LEASE_MS else f" --lease {lease_ms}"
    return f"| `--fault {fault} --cycles {cycles} --seed {seed}{lease}` |"


def has_row(results: Path, fault: str, cycles: int, seed: int, lease_ms: int) -> bool:
    wanted = command(fault, cycles, seed, lease_ms)
    return results.exists() and any(line.startswith(wanted) for line in results.read_text().splitlines())


def row(report, cycles: int, lease_ms: int) -> str:
    times = [
        f"{name} {seconds:.1f} s"
        for name, seconds in (("taken over in", report.max_take_over_seconds), ("back in", report.max_recovery_seconds))
        if seconds is not None
    ]
    cells = [
        datetime.date.today().isoformat(),
        f"{report.cycles}",
        f"{report.runs}",
        f"{report.received}",
        ", ".join(times) or "-",
        "none" if not report.violations else f"{report.violations}: {report.first_violations[0]}".replace("|", "/"),
    ]
    return " ".join([command(report.fault, cycles, report.seed, lease_ms), *(f"{cell} |" for cell in cells)]) + "\n"
