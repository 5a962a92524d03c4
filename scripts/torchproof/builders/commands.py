"""Commands of who writes pages: claims, notebooks, import, new, init; and what `check` asks a builder.

What needs a builder's packages is imported when its command runs: a machine that records has none of them.
"""

import argparse
import sys
from pathlib import Path

from ..compare.accept import accept
from ..compare.check import Checker
from ..compare.site import Site
from ..files import settings
from ..model.problems import Problem, did_you_mean, many, report
from ..run.runner import Runner
from .claims import reviewed
from .course import prepare, write_course

__all__ = ["chosen", "claims", "import_", "init", "new", "notebooks", "static"]


def chosen(site: Site, expressions: list[str]) -> list[str]:
    """The chapters whose names contain one of the expressions, each of which must be of use."""
    for expression in expressions:
        if not any(expression in name for name in site.snippets):
            print(f"no chapter's name contains '{expression}'; {did_you_mean(expression, site.snippets)}")
            sys.exit(2)
    return [name for name in site.snippets if not expressions or any(part in name for part in expressions)]


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


def _formulas(site: Site) -> list[Problem]:
    """The formulas that a build would refuse; none where there is no builder, as on a machine that records."""
    try:
        from .maths import wrong_formulas
    except ImportError:
        return []
    return list(wrong_formulas(site))


def notebooks(root: Path, options: argparse.Namespace) -> int:
    """Write each chapter as a notebook, one for class without solutions, and a script."""
    from .notebooks import downloads, site_url, write

    site = Site.read(root)
    names = chosen(site, options.k)
    problems = static(site, options.k, names)
    with Runner(root) as runner, Checker(site, runner) as checker:
        checker.start(names)
        for check in checker.finished():
            problems += check.problems
            if not check.problems and (name := check.snippet.name) in site.pages:
                write((options.folder / name).parent, downloads(check, site.pages[name], site_url(root)))
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
