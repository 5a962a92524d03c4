"""Proofs that may prove less than their sentence says: a list for a person to read, by `torchproof check --weak`.

What was true before its cell ran may be meant so, and a sentence about GPUs may be about the CPU: nothing fails.
"""

import ast
import re
from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise

from ..compare.site import Site
from ..files import read_text
from ..model.cells import Cell, Snippet
from ..model.pages import Proof
from ..read.proofs import hollow, names_in
from ..run.runner import Runner

__all__ = ["weak"]


def weak(site: Site, runner: Runner, name: str) -> Iterator[str]:
    """The weak proofs of a chapter: each with its place, its kind, and its sentence."""
    snippet = site.snippets[name]
    early = _true_before(site, runner, snippet)
    for page in site.pages.values():
        lines = read_text(site.root / page.file).text.split("\n")
        for proof in page.proofs:
            cell = snippet.cell(proof.after.slug) if proof.after and proof.after.chapter == name else None
            if cell and cell.home == "cpu":
                sentence = lines[proof.line - 1].strip()
                for kind in _kinds(proof, cell, sentence, early):
                    yield f"{page.file}:{proof.line}: {kind}: `{proof.source}`\n    {sentence}"


def _kinds(proof: Proof, cell: Cell, sentence: str, early: set[tuple[str, str]]) -> Iterator[str]:
    if hollow(proof.source):
        yield "says nothing of torch"
    if (cell.slug, proof.source) in early:
        yield f"true before '{cell.slug}' ran"
    if re.search(r"\b(CUDA|GPUs?)\b", sentence):
        yield "speaks of a GPU, evaluated by the CPU"


def _true_before(site: Site, runner: Runner, snippet: Snippet) -> set[tuple[str, str]]:
    """The proofs, by cell and source, that were true before their cell ran, though they name what it writes."""
    cells = snippet.for_device("cpu")
    job = site.job(snippet, cells, "cpu")
    steps = tuple(replace(step, claims=after.claims) for step, after in pairwise(job.steps))
    run = runner.run(replace(job, steps=steps))
    found = set()
    for before, cell in pairwise(cells):
        done = run.cells.get(before.slug)
        for proof in done.proofs if done else ():
            about = names_in(ast.parse(proof.source, mode="eval")) - _imported(snippet) if not proof.problem else set()
            if about & _written(cell):
                found.add((cell.slug, proof.source))
    return found


def _written(cell: Cell) -> set[str]:
    """The names that a cell binds, or writes to: by an assignment to a part, or by a method with an underscore."""
    nodes = [node for statement in cell.statements for node in ast.walk(statement)]
    targets = [node for node in nodes if isinstance(getattr(node, "ctx", None), ast.Store)]
    targets += [node for node in nodes if isinstance(node, ast.Attribute) and node.attr.endswith("_")]
    found = ([part.id for part in ast.walk(target) if isinstance(part, ast.Name)] for target in targets)
    return {names[0] for names in found if names}


def _imported(snippet: Snippet) -> set[str]:
    """The names that a snippet imports: a proof about torch alone needs no cell."""
    nodes = [node for cell in snippet.cells for statement in cell.statements for node in ast.walk(statement)]
    imports = [alias for node in nodes if isinstance(node, ast.Import | ast.ImportFrom) for alias in node.names]
    return {(alias.asname or alias.name).partition(".")[0] for alias in imports}
