"""Commands of who writes pages: claims, compare, explain, import, init, new, notebooks; what `check` asks a builder.

What needs a builder's packages is imported when its command runs: a machine that records has none of them.
"""

import argparse
import os
import subprocess
import sys
import tempfile
from pathlib import Path

from ..compare import recordings, transcript, versions
from ..compare.accept import accept
from ..compare.check import ChapterCheck, Checker, check_chapter
from ..compare.site import Site
from ..compare.versions import Version
from ..files import settings
from ..model.problems import Problem, did_you_mean, many, report
from ..run.runner import Runner
from .claims import reviewed
from .course import prepare, write_course

__all__ = ["chosen", "claims", "compare", "explain", "import_", "init", "new", "notebooks", "static", "write_reports"]


def chosen(site: Site, expressions: list[str]) -> list[str]:
    """The chapters that one of the expressions names, or whose names contain it; each must be of use."""
    for expression in expressions:
        if not any(expression in name for name in site.snippets):
            print(f"no chapter's name contains '{expression}'; {did_you_mean(expression, site.snippets)}")
            sys.exit(2)
    parts = [part for part in expressions if part not in site.snippets]
    return [name for name in site.snippets if not expressions or name in expressions or any(p in name for p in parts)]


def static(site: Site, expressions: list[str], names: list[str]) -> list[Problem]:
    """What is wrong before anything runs: with the chosen chapters, or, if all are chosen, with anything."""
    found = [*site.problems, *_formulas(site)]
    return [problem for problem in found if not expressions or problem.chapter in names]


def claims(root: Path, options: argparse.Namespace) -> int:
    """List the sentences of a page that nothing evaluated stands behind, and numbers that outputs above it hold."""
    site, docs = Site.read(root), f"{settings(root).docs}/"
    names = [page.removeprefix(docs).removesuffix(".md").removesuffix(".py") for page in options.pages]
    for unknown in (name for name in names if name not in site.pages):
        print(f"no page {docs}{unknown}.md; {did_you_mean(unknown, site.pages)}")
        return 2
    for name in names:
        print("\n".join(reviewed(site, site.pages[name])))
    return 0


def compare(root: Path, options: argparse.Namespace) -> int:
    """List what cells do otherwise in one environment than in another; what both do as committed is not listed."""
    names = [argument for expression in options.k for argument in ("-k", expression)]
    try:
        sides = [_reported(root, side, names) for side in options.sides]
    except (OSError, ValueError) as error:
        print(error)
        return 2
    changes = [{change.cell: change.lines for change in side.changes} for side in sides]
    silent = [
        f"{cell}\n  did not run in {name}" for name, side in zip("AB", sides, strict=True) for cell in side.silent
    ]
    differ = sorted(cell for cell in changes[0].keys() | changes[1] if changes[0].get(cell) != changes[1].get(cell))
    for name, side, of in zip("AB", sides, options.sides, strict=True):
        made = "".join(f" · {package} {version}" for package, version in side.made_with.items())
        print(f"{name}: torch {side.torch}{made} · {of}")
    site = Site.read(root)
    for cell in differ:
        print(f"\n{cell}   {site.place(*cell.split('#')) or 'on no page'}")
        for name, side in zip("AB", changes, strict=True):
            lines = side.get(cell, ())
            print("\n".join([f"  {name}:" if lines else f"  {name}: as committed", *(f"    {line}" for line in lines)]))
    print("\n".join(["", *silent, f"{len(differ)} of {many(sum(sides[0].cells.values()), 'cell')} differ"]))
    return 1 if differ or silent else 0


def write_reports(site: Site, checks: list[ChapterCheck], files: list[Path], scheduler: str | None) -> None:
    """Write what differs into files, if a second run of its chapter says the same."""
    with Runner(site.root, other=True, cached=False, scheduler=scheduler) as other:
        version = versions.find(site, checks, other)
    for file in files:
        if file.suffix == ".json":
            versions.write(file, version)
        else:
            file.write_text(versions.markdown(version, checks, site), encoding="utf-8")
    names, cells = ", ".join(map(str, files)), many(sum(version.cells.values()), "cell")
    print(f"torch {version.torch}: {len(version.changes)} of {cells} differ, in two runs alike; written to {names}")


def _reported(root: Path, side: str, names: list[str]) -> Version:
    """What the cells do in an environment: as its report says, or as its Python runs them now."""
    with tempfile.TemporaryDirectory() as folder:
        report, said = Path(side), ""
        if report.suffix != ".json":
            report = Path(folder, "report.json")
            command = [side, "-m", "torchproof", "--root", str(root), "check", *names, "--report", str(report)]
            environment = os.environ | {"PYTHONPATH": str(Path(__file__).parents[2])}
            said = subprocess.run(command, env=environment, stdout=subprocess.PIPE, text=True, check=False).stdout
        try:
            found = versions.read(report)
        except (ValueError, KeyError, TypeError) as error:
            raise ValueError(f"{side} is none that `check --report x.json` writes: {error!r}") from None
    if len(found) != 1:
        raise ValueError(f"{side}: {f'holds {len(found)} versions' if found else said.strip() or 'there is no report'}")
    return next(iter(found.values()))


def explain(root: Path, options: argparse.Namespace) -> int:
    """Print both sides of a cell's comparison, as they are and as they are compared."""
    site = Site.read(root)
    name, _, slug = options.cell.partition("#")
    if name not in site.snippets:
        print(f"no snippet {name}.py; {did_you_mean(name, site.snippets)}")
        return 2
    snippet = site.snippets[name]
    cell = snippet.cell(slug)
    if cell is None:
        print(f"{snippet.file} has no cell '{slug}'; {did_you_mean(slug, [cell.slug for cell in snippet.cells])}")
        return 2
    if cell.home != "cpu":
        made = site.recordings[name][cell.home].cells[slug]
        print(f"{cell.home}: {made.state} ({recordings.STATES[made.state]}); compared where the device is:")
        print(f"torchproof check --device {cell.home} -k {name}")
        _side("recorded", made.lines)
        return 0 if made.is_shown else 1
    with Runner(root) as runner:
        run = check_chapter(site, runner, name).run
    block = transcript.parse(site.committed(snippet) or "").cells.get(slug)
    old = block.lines if block else []
    done = run.cells.get(slug)
    new = transcript.lines_of(done) if done else [f"did not run: {run.died or 'a cell above it raised'}"]
    _side("committed", old)
    _side("this run", new)
    if cell.is_volatile:
        masked = ", ".join(dict.fromkeys(normaliser.name for normaliser in transcript.VOLATILE))
        print(f"tagged volatile, so these are masked on both sides: {masked}")
        _side("committed, masked", transcript.normalised(old))
        _side("this run, masked", transcript.normalised(new))
    elif not transcript.is_canonical():
        print("not Linux x86-64 with AVX2, so numbers count as equal within print precision")
    is_equal = transcript.same(old, new, cell)
    print("equal" if is_equal else "different")
    return 0 if is_equal else 1


def _side(title: str, lines: list[str]) -> None:
    print(f"--- {title}")
    print("\n".join(lines))


def _formulas(site: Site) -> list[Problem]:
    """The formulas that a build would refuse; none where there is no builder, as on a machine that records."""
    try:
        from .maths import wrong_formulas
    except ImportError:
        return []
    return list(wrong_formulas(site))


def notebooks(root: Path, options: argparse.Namespace) -> int:
    """Write each chapter as a notebook, one for class without solutions, and a script."""
    from .notebooks import downloads, site_url, take_along, write

    site = Site.read(root)
    names = chosen(site, options.k)
    problems = static(site, options.k, names)
    with Runner(root, scheduler=options.scheduler) as runner, Checker(site, runner) as checker:
        checker.start(names)
        for check in checker.finished():
            problems += check.problems
            if not check.problems and (name := check.snippet.name) in site.pages:
                folder = (options.folder / name).parent
                write(folder, downloads(check, site.pages[name], site_url(root)))
                take_along(check, root, folder)
    print(report(problems) if problems else f"{many(len(names), 'chapter')} written to {options.folder}")
    return 1 if problems else 0


def import_(root: Path, options: argparse.Namespace) -> int:
    """Turn a notebook, a script or a page with Python fences into a page and a snippet."""
    from .importer import import_file

    try:
        made = import_file(root, options.file, options.name)
    except (OSError, ValueError) as error:
        print(error)
        return 2
    print("\n".join(made.said()))
    return 0


def new(root: Path, options: argparse.Namespace) -> int:
    """Write a small course into a new folder, with a chapter, a walk-through and a workflow, and run it."""
    folder = root / options.folder
    try:
        print(f"{', '.join(write_course(folder))} written")
    except FileExistsError as error:
        print(error)
        return 2
    site = Site.read(folder)
    with Runner(folder) as runner:  # one run is enough: what it does is known
        problems = [problem for name in site.snippets for problem in accept(site, runner, runner, name)[1]]
    print(report(problems) if problems else f"next: cd {options.folder}, then mkdocs build --strict, or mkdocs serve")
    return 1 if problems else 0


def init(root: Path, options: argparse.Namespace) -> int:
    """Prepare the site of this folder for chapters; says what it changes, and overwrites nothing."""
    print("\n".join(prepare(root) or ["nothing to change"]))
    print("next: torchproof import PAGE.md makes cells of a page's Python, or write docs/x.md and snippets/x.py")
    return 0
