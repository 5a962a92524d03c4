"""How fast the site builds, compared with plain MkDocs.

    python benchmarks/build.py --rounds 9
    python benchmarks/build.py --book .      where the CPU time of a check goes: book.py

The machine decides how many seconds a build takes, so nothing here is judged in seconds: each build is divided by
what it cannot do without, measured in the same round, next to it. The median of these ratios is what is required.
Other work on the machine only adds time, now here, now there. So the two short builds run several times a round, and
the fastest counts; and only what is too slow in the median and also at its fastest fails.
"""

import argparse
import re
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from book import measure_book
from chapters import FENCE, as_a_user, chapter_text, write, write_book, write_pages
from torchproof.compare.check import Checker
from torchproof.compare.site import Site
from torchproof.model.cells import Snippet
from torchproof.model.runs import Job, Run
from torchproof.run.environment import cores
from torchproof.run.runner import Runner

__all__ = ["Comparison", "Round", "Sites", "compare", "main", "measure", "write_sites"]


@dataclass(frozen=True)
class Sites:
    """The same pages twice: with cells, and as plain Markdown whose outputs stand in text fences."""

    proof: Path
    plain: Path


@dataclass(frozen=True)
class Round:
    """Seconds of one round."""

    plain: float
    cold: float
    """Nothing in the cache."""
    warm: float
    """Everything in the cache."""
    bare: float
    """Everything in the cache, and no X-ray in the pages."""
    edit: float
    """Everything in the cache but one chapter, of which a cell was edited."""
    imports: float
    """An empty job in a fresh zygote."""
    sessions: float
    """What the cells of all chapters take together, run as many at once as there are cores, as the build does."""
    session: float
    """What the cells of the edited chapter take."""


@dataclass(frozen=True)
class Comparison:
    """A build against what it cannot do without, round by round."""

    name: str
    required: float
    """The ratio that the build may not exceed."""
    measured: list[float]
    bound: list[float]

    @property
    def ratios(self) -> list[float]:
        return [measured / bound for measured, bound in zip(self.measured, self.bound, strict=True)]

    @property
    def ratio(self) -> float:
        return statistics.median(self.ratios)

    @property
    def fastest(self) -> float:
        """The fastest build of all rounds against the fastest bound."""
        return min(self.measured) / min(self.bound)

    @property
    def too_slow(self) -> bool:
        return min(self.ratio, self.fastest) > self.required


def main(arguments: list[str] | None = None) -> int:
    """Measure, print the table; returns 1 when a requirement fails."""
    parser = argparse.ArgumentParser(description="Compare the speed of builds with plain MkDocs.")
    parser.add_argument("--rounds", type=int, default=5, help="how often everything is measured (default: 5)")
    parser.add_argument("--chapters", type=int, default=30, help="how large the site is (default: 30)")
    parser.add_argument("--repeat", type=int, default=5, help="how often a round runs the short builds (default: 5)")
    parser.add_argument("--no-verdict", action="store_true", help="print the table, fail only if a build fails")
    parser.add_argument("--book", type=Path, metavar="FOLDER", help="tell where the time of checking this book goes")
    parser.add_argument("--only", default="", metavar="PART", help="of the book, chapters with this in their names")
    options = parser.parse_args(arguments)
    if options.book:
        return measure_book(options.book.resolve(), only=options.only)
    with tempfile.TemporaryDirectory(prefix="benchmark-") as folder:
        print(f"writing and accepting {options.chapters} chapters", flush=True)
        sites = write_sites(Path(folder).resolve(), options.chapters)
        rounds = []
        for number in range(1, options.rounds + 1):
            rounds.append(measure(sites, options.repeat))
            print(f"round {number} of {options.rounds}: {_told(rounds[-1])}", flush=True)
    comparisons = compare(rounds)
    print("\n" + _table(comparisons))
    failed = [c.name for c in comparisons if c.too_slow]
    if failed:
        print(f"\ntoo slow: {', '.join(failed)}")
    return 1 if failed and not options.no_verdict else 0


def write_sites(folder: Path, chapters: int) -> Sites:
    """Write both sites, accept the outputs of the one with cells, and build both once, untimed."""
    sites = Sites(folder / "proof", folder / "plain")
    texts = {f"chapters/c{number:02}": chapter_text(number) for number in range(1, chapters + 1)}
    write_book(sites.proof, texts)
    _command(sites.proof, "torchproof", "accept")
    site = Site.read(sites.proof)
    with Runner(site.root, cached=False) as runner:
        runs = _runs(site, runner).items()
        pages = {name: _typed(sites.plain, site.snippets[name], run, texts[name]) for name, run in runs}
    write_pages(sites.plain, pages, "[search]")
    for root in (sites.plain, sites.proof):
        _build(root)
    return sites


def measure(sites: Sites, repeat: int) -> Round:
    """Build everything once, in turn, and run the bare sessions."""
    shutil.rmtree(sites.proof / ".cache", ignore_errors=True)
    cold = _timed(lambda: _build(sites.proof))
    site = Site.read(sites.proof)
    with Runner(site.root, cached=False) as runner:
        imports = _timed(lambda: runner.run(EMPTY))
        seconds = {name: run.seconds for name, run in _runs(site, runner).items()}
    stored = _stored(sites.proof)
    short = (lambda: _build(sites.plain)), (lambda: _build(sites.proof)), (lambda: _run(sites.proof, "-c", BARE))
    plain, warm, bare = map(min, zip(*([_timed(build) for build in short] for _ in range(repeat)), strict=True))
    assert stored == _stored(sites.proof), "the warm build ran what the cache held"
    edited = list(site.snippets.values())[len(site.snippets) // 2]
    write(sites.proof / edited.file, edited.text.replace("assert total > -1", "assert total > -2"))
    edit = _timed(lambda: _build(sites.proof))
    assert stored != _stored(sites.proof), "the edited chapter was not run"
    write(sites.proof / edited.file, edited.text)
    return Round(plain, cold, warm, bare, edit, imports, sum(seconds.values()), seconds[edited.name])


def compare(rounds: list[Round]) -> list[Comparison]:
    """What is required, with the numbers of all rounds."""
    bounds: list[tuple[str, float, Callable[[Round], float], Callable[[Round], float]]] = [
        ("cold / max(plain, imports + sessions / cores)", 1.5, lambda r: r.cold, _cold_bound),
        ("warm / plain", 1.15, lambda r: r.warm, lambda r: r.plain),
        ("X-ray / plain", 0.15, lambda r: r.warm - r.bare, lambda r: r.plain),
        ("edit / (plain + imports + session)", 1.3, lambda r: r.edit, lambda r: r.plain + r.imports + r.session),
    ]
    return [
        Comparison(name, required, [measured(r) for r in rounds], [bound(r) for r in rounds])
        for name, required, measured, bound in bounds
    ]


def _cold_bound(times: Round) -> float:
    return max(times.plain, times.imports + times.sessions / cores())


def _told(times: Round) -> str:
    return ", ".join(f"{name} {seconds:.2f}" for name, seconds in vars(times).items())


def _table(comparisons: list[Comparison]) -> str:
    """One line for each comparison; seconds and ratio are medians, the spread is that of the ratios."""
    lines = [f"{'':46} measured    bound  ratio       spread  fastest  required"]
    for c in comparisons:
        seconds = f"{statistics.median(c.measured):6.2f} s {statistics.median(c.bound):6.2f} s"
        ratios = f"{c.ratio:6.2f}  {min(c.ratios):4.2f} – {max(c.ratios):4.2f} {c.fastest:8.2f}    ≤ {c.required:.2f}"
        lines.append(f"{c.name:46} {seconds} {ratios}  {'too slow' if c.too_slow else 'ok'}")
    return "\n".join(lines)


def _timed(work: Callable[[], object]) -> float:
    start = time.perf_counter()
    work()
    return time.perf_counter() - start


def _build(root: Path) -> None:
    _command(root, "mkdocs", "build", "-q")


def _command(root: Path, module: str, *arguments: str) -> None:
    _run(root, "-m", module, *arguments)


def _run(root: Path, *arguments: str) -> None:
    """Run Python as a user does, not as CI, which reads no cache; show what it said if it fails."""
    done = subprocess.run(
        [sys.executable, "-P", *arguments],
        cwd=root,
        env=as_a_user(),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        check=False,
    )
    if done.returncode:
        sys.exit(f"python {' '.join(arguments)} ended with {done.returncode}:\n{done.stdout}")


def _runs(site: Site, runner: Runner) -> dict[str, Run]:
    """Each chapter's run, as many at once as there are cores."""
    with Checker(site, runner) as checker:
        checker.start()
        return {name: checker.chapter(name).run for name in site.snippets}


def _stored(root: Path) -> set[Path]:
    return set((root / ".cache").rglob("*"))


def _typed(root: Path, snippet: Snippet, run: Run, text: str) -> str:
    """The page of a chapter, every cell's source and output typed into it; pictures are written beside it."""
    pictures = root / f"docs/{snippet.name}"
    cells = iter(snippet.cells)

    def typed(_: re.Match[str]) -> str:
        cell = next(cells)
        done = run.cells[cell.slug]
        output = "\n".join(output.text.removesuffix("\n") for output in done.outputs)
        parts = [f"```python\n{cell.shown_source}\n```"] + [f"```text\n{output}\n```"] * bool(output)
        for number, figure in enumerate(done.figures, 1):
            picture = pictures.with_name(f"{pictures.name}-{cell.slug}-{number}.svg")
            write(picture, figure.svg)
            parts.append(f"![{cell.title}]({picture.name})")
        return "\n\n".join(parts)

    return FENCE.sub(typed, text)


BARE = """
import sys
import torchproof.show.card
from mkdocs.__main__ import cli

torchproof.show.card.xray = lambda cell, code, *_: (code, "")
sys.argv = ["mkdocs", "build", "-q"]
cli()
"""
"""Builds with pages that have no X-ray."""

EMPTY = Job("snippets/empty.py", "", (), "cpu")


if __name__ == "__main__":
    sys.exit(main())
