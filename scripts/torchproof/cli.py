"""The command line: check, accept, record, explain, notebooks."""

import argparse
import os
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from . import recording, transcript
from .accept import accept
from .cells import TAGS, folder_of
from .check import Checker, check_chapter
from .devices import DEVICES, RECORDED
from .notebooks import downloads, site_url, write
from .problems import Problem, did_you_mean, github_lines, many, report
from .runner import Runner, cores
from .site import Site, find_root, transcript_file
from .zygote import Died

__all__ = ["main"]


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit status: 0 all is well, 1 something is wrong, 2 it was called wrongly."""
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        root = find_root(options.root)
    except FileNotFoundError as error:
        parser.error(str(error))
    return options.command(root, options)


def check(root: Path, options: argparse.Namespace) -> int:
    """Run every chapter and compare it with its transcript."""
    if options.device != "cpu":
        return _on_device(root, options, write=False)
    site, runner = Site.read(root), Runner(root, cached=False if options.no_cache else None)
    names = _chosen(site, options.k)
    checker = Checker(site, runner)
    try:
        checker.start(names)
        found = _static(site, options.k, names)
        for number, name in enumerate(names, 1):
            result = checker.chapter(name)
            found += result.problems
            _say(number, len(names), name, many(len(result.problems), "problem") if result.problems else "ok")
    finally:
        checker.close()
        runner.close()
    for line in _waiting(site, names):
        print(line)
    return _verdict(found, f"{many(len(names), 'chapter')} as committed")


def accept_(root: Path, options: argparse.Namespace) -> int:
    """Write this run's results into the transcripts, if a second run agrees."""
    if os.environ.get("CI"):
        print("accept changes what CI compares with, so it refuses where CI is set; run it on your machine")
        return 2
    site = Site.read(root)
    names = _chosen(site, options.k)
    runner, other = Runner(root, cached=False), Runner(root, other=True, cached=False)
    found: list[Problem] = []
    changed = 0
    runner.zygote.start()
    other.zygote.start()
    try:
        with ThreadPoolExecutor(cores()) as pool:
            results = pool.map(lambda name: accept(site, runner, other, name), names)
            for number, (name, (written, problems)) in enumerate(zip(names, results, strict=True), 1):
                changed += written
                found += problems
                _say(number, len(names), name, "written" if written else "not accepted" if problems else "unchanged")
    finally:
        runner.close()
        other.close()
    left = _static(Site.read(root), options.k, names)
    found += [problem for problem in left if not problem.acceptable and problem not in found]
    if changed:
        print(f"{many(changed, 'transcript')} written. Read the diff: git diff")
    return _verdict(found, "nothing left to accept")


def record(root: Path, options: argparse.Namespace) -> int:
    """Run the chapters that have cells of a device, where that device is, and write their recordings."""
    return _on_device(root, options, write=True)


def _on_device(root: Path, options: argparse.Namespace, *, write: bool) -> int:
    """Compare with the recordings of a device, or make them anew: one session at a time, for they share the device."""
    site, device = Site.read(root), options.device
    names = [name for name in _chosen(site, options.k) if device in site.recordings.get(name, {}) or name == options.k]
    runner, other = Runner(root), Runner(root, other=True)
    found = [] if write else [p for p in site.problems if p.device == device and p.chapter in names]
    changed = 0
    try:
        where = runner.provenance(device)
        print(f"{device}: {where['gpu']}, driver {where['driver']}, torch {where['torch']}, float32 {where['float32']}")
        for number, name in enumerate(names, 1):
            if write:
                written, problems = accept(site, runner, other, name, device)
                changed += written
                outcome = "written" if written else "not recorded" if problems else "unchanged"
            else:
                problems = check_chapter(site, runner, name, device).problems
                outcome = many(len(problems), "problem") if problems else "ok"
            found += problems
            _say(number, len(names), name, outcome)
    except Died as reason:
        print(f"{device}: nothing ran: {reason}")
        return 2
    finally:
        runner.close()
        other.close()
    if changed:
        print(f"{many(changed, 'recording')} written. Read the diff: git diff snippets/")
    well = "nothing left to record" if write else f"{many(len(names), 'chapter')} as recorded"
    return _verdict(found, well if names else f"no chapter has cells of {device}")


def _waiting(site: Site, names: list[str]) -> Iterator[str]:
    """A line for each device on which cells wait for a run."""
    for device in RECORDED:
        made = [site.recordings[name][device] for name in names if device in site.recordings.get(name, {})]
        cells, chapters = sum(m.waiting for m in made), sum(bool(m.waiting) for m in made)
        if cells:
            command = f"torchproof record --device {device}"
            yield f"{device}: {many(cells, 'cell')} in {many(chapters, 'chapter')} wait for a run on a GPU ({command})"


def explain(root: Path, options: argparse.Namespace) -> int:
    """Print both sides of a cell's comparison, as they are and as they are compared."""
    site = Site.read(root)
    name, _, slug = options.cell.partition("#")
    if name not in site.snippets:
        print(f"no file {folder_of(name)}/{name}.py; {did_you_mean(name, list(site.snippets))}")
        return 2
    snippet = site.snippets[name]
    cell = snippet.cell(slug)
    if cell is None:
        known = [cell.slug for cell in snippet.cells]
        print(f"{snippet.file} has no cell '{slug}'; {did_you_mean(slug, known)}")
        return 2
    if cell.home != "cpu":
        made = site.recordings[name][cell.home].cells[slug]
        print(f"{cell.home}: {made.state} ({recording.STATES[made.state]}); compared where the device is:")
        print(f"torchproof check --device {cell.home} -k {name}")
        _side("recorded", made.lines)
        return 0 if made.shown else 1
    runner = Runner(root)
    try:
        result = check_chapter(site, runner, name)
    finally:
        runner.close()
    path = root / transcript_file(name)
    old = transcript.parse(path.read_text(encoding="utf-8", errors="replace")).get(slug, []) if path.exists() else []
    done = result.run.cells.get(slug)
    new = done.lines() if done else [f"did not run: {result.run.died or 'a cell above it raised'}"]
    _side("committed", old)
    _side("this run", new)
    if "volatile" in cell.tags:
        names = ", ".join(normaliser.name for normaliser in transcript.VOLATILE)
        print(f"tagged volatile, so these are masked on both sides: {names}")
        _side("committed, masked", transcript.normalised(old))
        _side("this run, masked", transcript.normalised(new))
    elif not transcript.is_canonical():
        print("not Linux x86-64 with AVX2, so numbers count as equal within print precision")
    equal = transcript.same(old, new, cell)
    print("equal" if equal else "different")
    return 0 if equal else 1


def notebooks(root: Path, options: argparse.Namespace) -> int:
    """Write each chapter as a notebook, one for class without solutions, and a script."""
    site, runner = Site.read(root), Runner(root)
    names = _chosen(site, options.k)
    checker = Checker(site, runner)
    found = _static(site, options.k, names)
    try:
        checker.start(names)
        for number, name in enumerate(names, 1):
            check = checker.chapter(name)
            found += check.problems
            if not check.problems and name in site.pages:
                files = downloads(check, site.pages[name], site_url(root))
                write((options.folder / name).parent, files)
            _say(number, len(names), name, "left out" if check.problems else "ok")
    finally:
        checker.close()
        runner.close()
    return _verdict(found, f"{len(names)} chapters written to {options.folder}")


def _parser() -> argparse.ArgumentParser:
    parser = argparse.ArgumentParser(prog="torchproof", description="Run the cells that pages show; fail on drift.")
    parser.add_argument("--root", type=Path, help="the project's folder (default: the nearest)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    tags = "tags: " + "; ".join(f"{tag}: {meaning}" for tag, meaning in TAGS.items())
    for name, command in (
        ("check", check),
        ("accept", accept_),
        ("record", record),
        ("explain", explain),
        ("notebooks", notebooks),
    ):
        sub = commands.add_parser(name, help=command.__doc__, description=command.__doc__, epilog=tags)
        sub.set_defaults(command=command)
        if name == "explain":
            sub.add_argument("cell", help="chapter#cell, as pages embed it")
        else:
            sub.add_argument("-k", default="", metavar="EXPR", help="only chapters whose name contains EXPR")
        if name == "notebooks":
            sub.add_argument("folder", type=Path, help="where to write them")
        if name == "record":
            sub.add_argument("--device", choices=RECORDED, required=True, help="where to run")
        if name == "check":
            sub.add_argument("--device", choices=DEVICES, default="cpu", help="where to run (default: cpu)")
            sub.add_argument("--no-cache", action="store_true", help="run everything, as CI does")
    return parser


def _chosen(site: Site, expression: str) -> list[str]:
    names = [name for name in site.snippets if expression in name]
    if not names:
        print(f"no chapter's name contains '{expression}'; {did_you_mean(expression, list(site.snippets))}")
        sys.exit(2)
    return names


def _static(site: Site, expression: str, names: list[str]) -> list[Problem]:
    """What is wrong before anything runs: with the chosen chapters, or, if all are chosen, with anything."""
    return [problem for problem in site.problems if not expression or problem.chapter in names]


def _say(number: int, count: int, name: str, outcome: str) -> None:
    """One line for each chapter; on a terminal the lines with nothing to say replace each other."""
    line = f"[{number}/{count}] {name}: {outcome}"
    quiet = sys.stdout.isatty() and outcome in ("ok", "unchanged") and number < count
    print(f"\r\x1b[K{line}" if sys.stdout.isatty() else line, end="" if quiet else "\n", flush=True)


def _side(title: str, lines: list[str]) -> None:
    print(f"--- {title}")
    print("\n".join(lines))


def _verdict(problems: list[Problem], well: str) -> int:
    if not problems:
        print(well)
        return 0
    print("\n" + report(problems))
    for line in github_lines(problems):
        print(line)
    return 1
