"""Exercises as the build tries them: with their solution, which must pass, and with wrong answers, which must not.

An answer goes into the exercise by the names that it binds at its top level: by a definition, an assignment or an
import. A statement of the exercise that binds one of them gives way to the answer's statements, up to the last that
binds it. Statements of the answer that bind nothing stay behind, so the exercise's own asserts judge it.
"""

import ast
import symtable
from collections.abc import Iterator
from functools import lru_cache

from ..model.cells import Cell, Snippet
from ..model.problems import Problem

__all__ = ["check_exercises", "trials"]


def trials(snippet: Snippet, exercise: Cell) -> dict[str, Cell]:
    """What to try in place of an exercise, as code, and the answer in it: its solution, and wrong answers over that."""
    below = list(_below(snippet, exercise)) if "exercise" in exercise.tags else []
    solutions = [cell for cell in below if "solution" in cell.tags][:1]
    found = {_with_answers(exercise, solution): solution for solution in solutions}
    wrong = [cell for cell in below if "wrong" in cell.tags and _bound(*cell.statements) & _bound(*exercise.statements)]
    return found | {_with_answers(exercise, *solutions, cell): cell for cell in wrong}


def check_exercises(snippet: Snippet) -> Iterator[Problem]:
    """Wrong answers that answer nothing, and exercises that need what only another exercise or its solution binds."""
    exercises = [cell for cell in snippet.cells if "exercise" in cell.tags]
    for wrong in snippet.wrong:
        above = [exercise for exercise in exercises if exercise.line < wrong.line]
        asked = _bound(*above[-1].statements) if above else set()
        if not above:
            yield _about(snippet, wrong, "stands above every exercise; put it below the one that it answers")
        elif not asked & _bound(*wrong.statements):
            message = f"binds nothing that the exercise '{above[-1].slug}' binds; answer one of"
            yield _about(snippet, wrong, f"{message}: {', '.join(sorted(asked))}")
    names = {cell.slug: _globals(cell) for cell in snippet.cells} if exercises else {}
    for exercise in exercises:
        if borrowed := _borrowed(snippet, exercise, names):
            message = "needs what only another exercise or its solution binds; bind in this cell"
            yield _about(snippet, exercise, f"{message}: {', '.join(sorted(borrowed))}")


def _below(snippet: Snippet, exercise: Cell) -> Iterator[Cell]:
    """The cells below an exercise, above the next one, in the order of the file."""
    for cell in sorted((*snippet.cells, *snippet.wrong), key=lambda cell: cell.line):
        if cell.line > exercise.line:
            if "exercise" in cell.tags:
                return
            yield cell


@lru_cache(4096)
def _with_answers(exercise: Cell, *answers: Cell) -> str:
    """The code of an exercise with answers put in, one over the other."""
    statements = exercise.statements
    for answer in answers:
        statements = list(_answered(statements, answer.statements))
    return ast.unparse(ast.Module(statements, []))


def _answered(exercise: list[ast.stmt], answer: list[ast.stmt]) -> Iterator[ast.stmt]:
    """The statements of an exercise with those of an answer that bind names in the places of those that bind them."""
    left = [statement for statement in answer if _bound(statement)]
    names = _bound(*left)
    for statement in exercise:
        wanted = _bound(statement) & names
        last = max((place for place, part in enumerate(left, 1) if _bound(part) & wanted), default=0)
        yield from left[:last] if wanted else [statement]
        left = left[last:]


def _bound(*statements: ast.stmt) -> set[str]:
    """The names that statements bind by themselves: none by a loop, a condition or a context."""
    names: set[str] = set()
    for statement in statements:
        if isinstance(statement, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            names.add(statement.name)
        elif isinstance(statement, ast.Import | ast.ImportFrom):
            names |= {alias.asname or alias.name.partition(".")[0] for alias in statement.names}
        elif isinstance(statement, ast.Assign | ast.AnnAssign | ast.AugAssign):
            targets = statement.targets if isinstance(statement, ast.Assign) else [statement.target]
            parts = (part for target in targets for part in ast.walk(target))
            names |= {part.id for part in parts if isinstance(part, ast.Name) and isinstance(part.ctx, ast.Store)}
    return names


def _borrowed(snippet: Snippet, exercise: Cell, names: dict[str, tuple[set[str], set[str]]]) -> set[str]:
    """The names that an exercise uses, of those that only other exercises or solutions bind; `names` are by cell."""
    used, own = names[exercise.slug]
    lent, free = set[str](), set[str]()
    for cell in snippet.cells:
        if cell is not exercise:
            (lent if cell.tags & {"exercise", "solution"} else free).update(names[cell.slug][1])
    return (used & lent) - free - own


@lru_cache(4096)
def _globals(cell: Cell) -> tuple[set[str], set[str]]:
    """The names of the session that a cell uses, anywhere, and those that its top level binds, anyhow."""
    used, bound = set[str](), set[str]()
    if not cell.statements:
        return used, bound
    tables = [symtable.symtable(cell.source, "<cell>", "exec")]
    for table in tables:
        tables += table.get_children()
        for symbol in table.get_symbols():
            is_global = symbol.is_global() or table.get_type() == "module"
            if is_global and symbol.is_referenced():
                used.add(symbol.get_name())
            if is_global and (symbol.is_assigned() or symbol.is_imported()):
                bound.add(symbol.get_name())
    return used, bound


def _about(snippet: Snippet, cell: Cell, message: str) -> Problem:
    kind = "wrong answer" if "wrong" in cell.tags else "exercise"
    text = f"the {kind} '{cell.slug}' {message}"
    return Problem(snippet.file, cell.line - 1, text, chapter=snippet.name, slug=cell.slug)
