"""The command line: check, accept, record, compare, explain, claims, notebooks, import, new, init."""

import argparse
import io
import os
import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from pathlib import Path

from .builders.claims import read_again
from .builders.commands import chosen, claims, compare, explain, import_, init, new, notebooks, static, write_reports
from .builders.weak import weak
from .compare.accept import accept
from .compare.check import Checker, check_chapter
from .compare.shards import Merged, Part, PartError, seconds_of
from .compare.site import Site
from .files import find_root
from .model.cells import TAGS
from .model.devices import DEVICES, RECORDED
from .model.problems import Problem, github_lines, many, report
from .progress import Progress
from .run.cluster import ClusterError
from .run.runner import Runner
from .show import drawings  # noqa: F401 (what can be measured and not drawn, no command accepts)

__all__ = ["main"]

Outcome = tuple[str, list[Problem], float]
"""What became of a chapter, in words; what is wrong with it; the seconds it ran."""


def main(arguments: list[str] | None = None) -> int:
    """Run one command; returns its exit status: 0 all is well, 1 something is wrong, 2 it was called wrongly.

    130, as shells have it, where Ctrl-C ended it.
    """
    parser = _parser()
    options = parser.parse_args(arguments)
    try:
        root = Path.cwd() if options.command is new else find_root(options.root)
    except FileNotFoundError as error:
        parser.error(str(error))
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, io.TextIOWrapper):  # a terminal without UTF-8 spells the rest
            stream.reconfigure(errors="backslashreplace")
    try:
        status = options.command(root, options)
        print(end="", flush=True)
        return status
    except KeyboardInterrupt:
        return 130
    except (ClusterError, PartError) as error:
        print(f"torchproof: {error}", file=sys.stderr)
        return 2
    except OSError as error:
        is_told = not isinstance(error, BrokenPipeError)  # `torchproof check | head`: nobody reads on
        if is_told:
            print(f"torchproof: {error}; see that there is room, and that it can be written to", file=sys.stderr)
        try:
            print(end="", flush=True)
        except OSError:  # what is left goes nowhere: Python would try once more as it ends, and fail
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1 + is_told


def check(root: Path, options: argparse.Namespace) -> int:
    """Run every chapter and compare it with its transcript."""
    if options.device != "cpu":
        if options.shard or options.results:
            raise PartError("--shard and --results are for sessions of the CPU; leave --device out")
        return _on_device(root, options, is_recording=False)
    site = Site.read(root)
    every = chosen(site, options.k)
    names = options.shard.choose(root, every) if options.shard else every
    if options.weak:
        with Runner(root, scheduler=options.scheduler) as runner:
            for line in (line for name in names for line in weak(site, runner, name)):
                print(line, flush=True)
        return 0
    with _runner(site, every, options) as runner, Checker(site, runner) as checker:
        checker.start(names)  # they run while the pages are read
        found = static(site, options.shard or options.k, names) + _each(names, site, _checks(checker))
        if runner.kept is not None:
            options.shard.write(options.results[0], site, every, runner)
        if options.report:
            write_reports(site, [checker.chapter(name) for name in names], options.report, options.scheduler)
    for line in _waiting(site, names):
        print(line)
    return _verdict(found, f"{many(len(names), 'chapter')} as committed")


def _runner(site: Site, names: list[str], options: argparse.Namespace) -> Runner:
    """What runs the chapters; or what answers from the results of all parts of them."""
    if options.shard and len(options.results) > 1:
        raise PartError("--shard writes the results of its part into one FILE")
    if options.results and not options.shard:
        return Merged(site, names, options.results)
    runner = Runner(site.root, cached=False if options.no_cache else None, scheduler=options.scheduler)
    runner.kept = {} if options.results else None
    return runner


def accept_(root: Path, options: argparse.Namespace) -> int:
    """Write this run's results into the transcripts, if a second run agrees."""
    if os.environ.get("CI"):
        print("accept changes what CI compares with, so it refuses where CI is set; run it on your machine")
        return 2
    site = Site.read(root)
    names = chosen(site, options.k)
    written: list[str] = []
    before = {name: site.committed(site.snippets[name]) for name in names}

    def accepted(name: str) -> Outcome:
        is_changed, problems = accept(site, runner, other, name)
        written.extend([name] * is_changed)
        return "written" if is_changed else "not accepted" if problems else "unchanged", problems, 0.0

    asked = {"cached": False, "scheduler": options.scheduler}
    with Runner(root, **asked) as runner, Runner(root, other=True, **asked) as other:
        runner.zygote.start()
        other.zygote.start()
        found = _each(names, site, _at_once(runner, names, accepted))
    site = Site.read(root)
    found += [p for p in static(site, options.k, names) if not p.acceptable and p not in found]
    if written:
        new = ", ".join(site.snippets[name].transcript() for name in written if before[name] is None)
        print(f"{many(len(written), 'transcript')} written. Read the diff: git diff{'; new: ' * bool(new)}{new}")
    if again := [line for name in written for line in read_again(site, name, before[name] or "")]:
        print("\n".join(["Read again, for the cell above comes out otherwise:", *again]))
    return _verdict(found, "nothing left to accept")


def record(root: Path, options: argparse.Namespace) -> int:
    """Run the chapters that have cells of a device, where that device is, and write their recordings."""
    return _on_device(root, options, is_recording=True)


def _on_device(root: Path, options: argparse.Namespace, *, is_recording: bool) -> int:
    """Compare with the recordings of a device, or make them anew: one session at a time, for they share the device."""
    site, device = Site.read(root), options.device
    names = [name for name in chosen(site, options.k) if device in site.recordings.get(name, {}) or name in options.k]
    written: list[str] = []

    def checked(name: str) -> Outcome:
        if not is_recording:
            problems = check_chapter(site, runner, name, device).problems
            return many(len(problems), "problem") if problems else "ok", problems, 0.0
        is_changed, problems = accept(site, runner, other, name, device)
        written.extend([name] * is_changed)
        return "written" if is_changed else "not recorded" if problems else "unchanged", problems, 0.0

    at = options.scheduler
    with Runner(root, scheduler=at) as runner, Runner(root, other=True, scheduler=at) as other:
        try:
            where = runner.provenance(device)
        except LookupError as reason:
            print(f"{device}: nothing ran: {reason}")
            return 2
        machine, *others = DEVICES[device].facts
        print(f"{device}: {', '.join([where[machine], *(f'{name} {where[name]}' for name in ('torch', *others))])}")
        found = [] if is_recording else [p for p in site.problems if p.device == device and p.chapter in names]
        found += _each(names, site, ((name, checked(name)) for name in names))
    if written:
        print(f"{many(len(written), 'recording')} written. Read the diff: git diff")
    well = "nothing left to record" if is_recording else f"{many(len(names), 'chapter')} as recorded"
    return _verdict(found, well if names else f"no chapter has cells of {device}")


def _checks(checker: Checker) -> Iterator[tuple[str, Outcome]]:
    """The outcome of each chapter's check, as they come in."""
    for done in checker.finished():
        problems = done.problems
        yield done.snippet.name, (many(len(problems), "problem") if problems else "ok", problems, done.run.seconds)


def _at_once(runner: Runner, names: list[str], work: Callable[[str], Outcome]) -> Iterator[tuple[str, Outcome]]:
    """The outcomes of `work`, as they come in: as many at once as can run."""
    with ThreadPoolExecutor(runner.zygote.at_once) as pool:
        futures = {pool.submit(work, name): name for name in names}
        for future in as_completed(futures):
            yield futures[future], future.result()


def _each(names: list[str], site: Site, outcomes: Iterable[tuple[str, Outcome]]) -> list[Problem]:
    """Say what becomes of each chapter; returns what is wrong, in the order of the names."""
    found: dict[str, list[Problem]] = {}
    with Progress(names, seconds_of(site.root)) as progress:
        for name, (outcome, problems, took) in outcomes:
            found[name] = problems
            progress.say(name, outcome, took=took, is_quiet=outcome in ("ok", "unchanged"))
    return [problem for name in names for problem in found[name]]


def _waiting(site: Site, names: list[str]) -> Iterator[str]:
    """A line for each device with recordings, on whose word they are, and one where cells wait for a run."""
    for device in RECORDED:
        made = [site.recordings[name][device] for name in names if device in site.recordings.get(name, {})]
        words = [one.word for one in made if one.provenance]
        if words:
            counts = ", ".join(f"{words.count(word)} {word}" for word in sorted({*words}))
            yield f"{device}: {many(len(words), 'recording')}: {counts}"
        cells, chapters = sum(m.waiting for m in made), sum(bool(m.waiting) for m in made)
        if cells:
            counts = f"{many(cells, 'cell')} in {many(chapters, 'chapter')}"
            machine = DEVICES[device].machine
            yield f"{device}: {counts} wait for a run on {machine} (torchproof record --device {device})"


def _parser() -> argparse.ArgumentParser:
    """Long: it lists every option."""
    parser = argparse.ArgumentParser(prog="torchproof", description="Run the cells that pages show; fail on drift.")
    parser.add_argument("--root", type=Path, help="the project's folder (default: the nearest)")
    commands = parser.add_subparsers(required=True, metavar="COMMAND")
    hidden = [name for name, device in DEVICES.items() if device.internal]
    tags = "tags: " + "; ".join(f"{tag}: {meaning}" for tag, meaning in TAGS.items() if tag not in hidden)
    devices = f"{{{','.join(name for name in DEVICES if name not in hidden)}}}"
    for name, command in (
        ("check", check),
        ("accept", accept_),
        ("record", record),
        ("compare", compare),
        ("explain", explain),
        ("claims", claims),
        ("notebooks", notebooks),
        ("import", import_),
        ("new", new),
        ("init", init),
    ):
        sub = commands.add_parser(name, help=command.__doc__, description=command.__doc__, epilog=tags)
        sub.set_defaults(command=command)
        if name == "explain":
            sub.add_argument("cell", help="chapter#cell, as pages embed it")
        elif name == "compare":
            sub.add_argument("sides", nargs=2, metavar="PYTHON", help="a Python, or the x.json of a check --report")
        elif name == "import":
            sub.add_argument("file", type=Path, help="x.ipynb, x.py or x.md")
            sub.add_argument("name", nargs="?", default="", help="the chapter's (default: the file's)")
        elif name == "claims":
            sub.add_argument("pages", nargs="+", metavar="PAGE", help="docs/x.md, or x")
        if name not in ("claims", "explain", "import", "init", "new"):
            sub.add_argument(
                "-k",
                action="append",
                default=[],
                metavar="EXPR",
                help="only chapters whose name is, or contains, an EXPR",
            )
        if name in ("accept", "check", "notebooks", "record"):
            sub.add_argument(
                "--scheduler", metavar="ADDRESS", help="run on a Dask cluster, as tcp://host:8786, in place of here"
            )
        if name in ("new", "notebooks"):
            sub.add_argument("folder", type=Path, help="where to write")
        if name == "record":
            sub.add_argument(
                "--device", choices=RECORDED, metavar=devices.replace("cpu,", ""), required=True, help="where to run"
            )
        if name == "check":
            sub.add_argument(
                "--device", choices=DEVICES, metavar=devices, default="cpu", help="where to run (default: cpu)"
            )
            sub.add_argument("--no-cache", action="store_true", help="run everything, as CI does")
            sub.add_argument(
                "--report",
                type=Path,
                action="append",
                default=[],
                metavar="FILE",
                help="write what differs in two runs into FILE: Markdown, or x.json, where versions stand side by side",
            )
            sub.add_argument(
                "--shard", type=_part, metavar="I/N", help="run one of N parts of the book, alike in recorded seconds"
            )
            sub.add_argument(
                "--results",
                type=Path,
                nargs="+",
                default=[],
                metavar="FILE",
                help="with --shard: write what ran into FILE; without: answer from the files of all parts",
            )
            sub.add_argument("--weak", action="store_true", help="list proofs that may prove too little; fails never")
    return parser


def _part(text: str) -> Part:
    try:
        return Part.parse(text)
    except PartError as error:
        raise argparse.ArgumentTypeError(str(error)) from None


def _verdict(problems: list[Problem], well: str) -> int:
    if not problems:
        print(well)
        return 0
    print("\n" + report(problems))
    for line in github_lines(problems):
        print(line)
    return 1
