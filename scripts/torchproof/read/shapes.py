"""Comments that say a shape: `# (4, 1)`, `# (batch, 4)`, `# (5, 3) each`, `# (32, 1, 8, 8), (32,)`.

Such a comment stands at the end of a statement, or of a function's heading, and begins with a tuple of sizes, names,
products and gaps (`…`). Anything else in brackets is words.
"""

import io
import re
import tokenize
from collections.abc import Iterator
from dataclasses import dataclass
from functools import lru_cache

from ..model.cells import Cell

__all__ = ["ShapeComment", "shape_comments"]


@dataclass(frozen=True)
class ShapeComment:
    """A shape that a comment says, or several."""

    line: int
    """Of the file."""
    text: str
    """As it stands there: `(32, 1, 8, 8), (32,)`."""
    shapes: tuple[tuple[str, ...], ...]
    """The sizes of each, in its words."""

    def is_true_of(self, seen: tuple[tuple[int, ...], ...]) -> bool:
        """Whether values had these shapes: each its own, or all the one that is said."""
        said = self.shapes * len(seen) if len(self.shapes) == 1 else self.shapes
        return len(said) == len(seen) and all(map(_agree, said, seen))


@lru_cache(10_000)  # for a server's next read
def shape_comments(cell: Cell) -> tuple[ShapeComment, ...]:
    """The shapes that comments of a cell say, each at the end of a line of code."""
    return tuple(_comments(cell)) if COMMENT.search(cell.source) else ()


def _comments(cell: Cell) -> Iterator[ShapeComment]:
    try:
        for token in tokenize.generate_tokens(io.StringIO(cell.source).readline):
            found = COMMENT.match(token.string) if token.type == tokenize.COMMENT else None
            if found and token.line[: token.start[1]].strip():
                shapes = [
                    [size for size in re.split(r"\s*,\s*", part.strip()) if size] for part in PART.findall(found[1])
                ]
                yield ShapeComment(cell.line - 1 + token.start[0], found[1], tuple(map(tuple, shapes)))
    except (tokenize.TokenError, SyntaxError):  # the cell raises
        return


def _agree(said: tuple[str, ...], seen: tuple[int, ...]) -> bool:
    """Whether the sizes are those that are said: whole numbers as they are, and one name in two places is one size."""
    if GAP.intersection(said):
        gap = next(place for place, size in enumerate(said) if size in GAP)
        behind = len(said) - gap - 1
        if len(seen) < gap + behind:
            return False
        said, seen = said[:gap] + said[gap + 1 :], seen[:gap] + seen[len(seen) - behind :]
    named: dict[str, int] = {}
    return len(said) == len(seen) and all(
        int(name) == size if name.isdecimal() else named.setdefault(name, size) == size
        for name, size in zip(said, seen, strict=True)
    )


GAP = {"…", "..."}
SIZE = r"(?:\w+(?: ?[*/+-] ?\w+)*|…|\.\.\.)"
SHAPE = rf"\((?:{SIZE}(?:, {SIZE})+,?|{SIZE},|)\)"
"""A tuple as Python writes it: `(3,)`, and not `(3)`."""
SIZES = rf"(?:torch\.Size\(\[(?:{SIZE}(?:, {SIZE})*)?\]\)|{SHAPE})"
COMMENT = re.compile(rf"#\s*(?:shape:? )?({SIZES}(?:, {SIZES})*)(?![\w(\[])")
PART = re.compile(r"(?:torch\.Size\(\[|\()([^()\[\]]*)")
