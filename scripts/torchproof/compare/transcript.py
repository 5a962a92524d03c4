"""Transcripts: what every cell printed, showed or raised, as text made to be read in a pull request.

The CPU's transcript and the recording of another device have one format, one writer and one parser. The first line
names snippet, device and what was run with; a title line begins each cell, in a recording with two checksums
(`recordings.py`); facts and errors are placed by statement, so comments and layout may change.

Comparing is merging: lines of the old transcript that this run equals are kept, the others replaced.
The run has drifted exactly when the merged text is not the old text, so nothing in the file escapes.
"""

import difflib
import re
from dataclasses import dataclass, field
from typing import Any

from ..model.cells import Cell, Snippet
from ..model.devices import DEVICES
from ..model.rich import described
from ..model.runs import MARKS, CellRun, Fact, Output
from ..run.environment import is_canonical
from .attestations import RUN

__all__ = [
    "Block",
    "Transcript",
    "diff",
    "lines_of",
    "merge",
    "normalised",
    "parse",
    "read_run",
    "same",
    "words",
    "write",
    "write_fact",
]


@dataclass(frozen=True)
class Block:
    """The lines of one cell."""

    lines: list[str] = field(default_factory=list)
    code: str = ""
    """In a recording: the hash of the code up to the cell."""
    body: str = ""
    """In a recording: the checksum of the header and the lines."""


@dataclass(frozen=True)
class Transcript:
    """A transcript, taken apart."""

    header: str
    """Its first line."""
    cells: dict[str, Block]
    """By slug; of two blocks with one slug, the last."""
    repeated: frozenset[str] = frozenset()
    """The slugs of more than one block."""

    def provenance(self, snippet: Snippet, device: str) -> dict[str, str] | None:
        """What the header says it was run with; None where it is no header of this snippet on this device."""
        fields, names = self.header.split(" · "), DEVICES[device].provenance
        if DEVICES[device].facts and len(fields) > 3 + len(names):
            names = (*names, "run")
        if fields[:3] != _start(snippet, device) or len(fields) != 3 + len(names):
            return None
        values = [value.removeprefix(f"{name} ") for name, value in zip(names, fields[3:], strict=True)]
        found = dict(zip(names, values, strict=True))
        is_whole = self.header == header(snippet, device, found) and VERSION.fullmatch(found["torch"])
        return found if is_whole and ("run" not in found or RUN.fullmatch(found["run"])) else None


VERSION = re.compile(r"none|\d+(\.\w+)+(\+[\w.]+)?")
"""What a header may say of torch."""


# --- writing ----------------------------------------------------------------------------------------------------------


def header(snippet: Snippet, device: str, provenance: dict[str, str]) -> str:
    """First line of a transcript: format, snippet, device, and what it was run with."""
    bare = (*DEVICES[device].facts[:1], "date")
    fields = [
        provenance[name] if name in bare else f"{name} {provenance[name]}"
        for name in (*DEVICES[device].provenance, "run")
        if name in provenance
    ]
    return " · ".join([*_start(snippet, device), *fields])


def _start(snippet: Snippet, device: str) -> list[str]:
    return ["torchproof 2", snippet.file, device]


def write(header: str, cells: dict[str, Block]) -> str:
    """The text of a transcript."""
    titles = {
        slug: f"%% {slug} code={block.code} body={block.body}" if block.code else f"%% {slug}"
        for slug, block in cells.items()
    }
    return "\n\n".join([header, *("\n".join([titles[slug], *cells[slug].lines]) for slug in cells)]) + "\n"


def lines_of(run: CellRun, *, is_recording: bool = False) -> list[str]:
    """The lines of a cell; in a recording, which nothing checks again, with the proofs that were true."""
    lines = [f"~ {write_fact(fact)}" for fact in run.facts]
    for output in run.outputs:
        place = [f"statement {run.statement}"] if output.mark == "x" else []
        text = [*place, *output.text.removesuffix("\n").split("\n")]
        lines += [f"{output.mark} {line}" if line else output.mark for line in text]
        lines += [f"# {line}" for line in described(output.rich)] if output.rich else ()
    lines += [f"# {line}" for figure in run.figures for line in figure.lines]
    lines += [f"@ {line}" for result in run.measured if result.data for line in result.lines]
    return lines + [f"? {proof.source}" for proof in run.proofs if is_recording and not proof.problem]


WORDS: dict[str, tuple[str, Any]] = {
    "device": ("on ", str),
    "layout": ("layout ", str),
    "strides": ("strides ", lambda text: tuple(map(int, re.findall(r"-?\d+", text)))),
    "in_bytes": ("in bytes", None),
    "offset": ("offset ", int),
    "storage": ("storage of ", int),
    "order": ("", str),
    "requires_grad": ("requires_grad", None),
    "leaf": ("leaf", None),
    "grad_fn": ("grad_fn ", str),
    "retains_grad": ("retains_grad", None),
    "grad": ("grad ", str),
    "same": ("is ", lambda text: tuple(text.split(", "))),
    "shares": ("shares ", lambda text: tuple(text.split(", "))),
    "gone": ("gone", None),
}
"""How each field of a fact is said, where it is not its default: the words before it, and how the rest is read."""

SIZES = re.compile(r"(?:(?P<type>.+) )?(?P<dtype>\S+)\[(?P<shape>[\w?, ]*)\]")


def write_fact(fact: Fact, *, without: tuple[str, ...] = ()) -> str:
    """A fact as text: statement, name, dtype and shape, then its words; `without` the fields of these names."""
    sizes = [] if fact.gone else [f"{fact.sizes:<15}"]
    said = [word for name, word in words(fact).items() if name not in without]
    return "  ".join([f"{fact.statement} {fact.name:<8}", *sizes, *said])


def words(fact: Fact) -> dict[str, str]:
    """What is said of a fact besides its name, dtype and shape: a word for each field that is not its default."""
    found = {}
    for name, (prefix, read) in WORDS.items():
        value = getattr(fact, name)
        if value != getattr(NOTHING, name):
            value = ", ".join(value) if name in ("same", "shares") else value
            found[name] = f"{prefix}{value}" if read else prefix
    return found


NOTHING = Fact(0, "")


# --- reading ----------------------------------------------------------------------------------------------------------


def parse(text: str) -> Transcript:
    """Take a transcript apart; whatever is malformed simply equals no run."""
    cells: dict[str, Block] = {}
    repeated: set[str] = set()
    for block in re.split(r"^%% ", text, flags=re.M)[1:]:
        title, *lines = block.rstrip("\n").split("\n")
        found = TITLE.fullmatch(title)
        slug = title.split(" ")[0]
        repeated |= {slug} & cells.keys()
        cells[slug] = Block(lines, found["code"], found["body"]) if found else Block(lines)
    return Transcript(text.partition("\n")[0], cells, frozenset(repeated))


TITLE = re.compile(r"\S+ code=(?P<code>[0-9a-f]{12}) body=(?P<body>[0-9a-f]{12})")


def read_run(cell: Cell, lines: list[str]) -> CellRun:
    """What a cell did, from its lines, as if it had been done here; figures and drawings are not recorded.

    Raises:
        ValueError: a line is none that is written.
    """
    outputs: list[list[str]] = []
    facts: list[Fact] = []
    statement = line_raised = 0
    for line in lines:
        mark, text = line[:1], line[2:]
        follows = bool(outputs) and outputs[-1][0] == mark
        if mark == "~":
            facts.append(read_fact(text))
        elif mark == "x" and not follows:
            statement = int(text.removeprefix("statement "))
            line_raised = cell.line_of(statement)
            outputs.append(["x", ""])
        elif mark in MARKS:
            if not follows:
                outputs.append([mark, ""])
            outputs[-1][1] += f"{text}\n"
        elif mark not in "#@?":
            raise ValueError(f"no mark '{mark}'")
    pieces = (Output(mark, text.removesuffix("\n") if mark in "=x" else text) for mark, text in outputs)
    return CellRun(cell.slug, tuple(pieces), tuple(facts), (), statement, line_raised)


def read_fact(text: str) -> Fact:
    """What `write_fact` wrote."""
    head, *words = re.split(r" {2,}", text)
    statement, _, name = head.partition(" ")
    fields: dict[str, Any] = {}
    if words and (sizes := SIZES.fullmatch(words[0])):
        shape = tuple(int(size) if size.isdecimal() else size for size in re.findall(r"[\w?]+", sizes["shape"]))
        fields = {"type": sizes["type"] or "Tensor", "dtype": sizes["dtype"], "shape": shape}
        words = words[1:]
    for word in words:
        said = ((name, prefix, read) for name, (prefix, read) in WORDS.items() if prefix and word.startswith(prefix))
        field, prefix, read = next(said, ("order", "", str))
        fields[field] = read(word.removeprefix(prefix)) if read else True
    return Fact(int(statement), name, **fields)


# --- comparing --------------------------------------------------------------------------------------------------------


@dataclass(frozen=True)
class Normaliser:
    """What may differ between two runs of a volatile cell."""

    name: str
    pattern: re.Pattern[str]
    replacement: str


MAKERS = "|".join(maker for device in DEVICES.values() for maker in device.makers)

GROUPS = r"(?:\d{1,3}[,_](?=\d{3}(?!\d)))*"
"""The thousands of a number such as 1,234,567."""

VOLATILE = (
    Normaliser("memory address", re.compile(r"\b0x[0-9a-f]+", re.I), "0x…"),
    Normaliser("GPU name", re.compile(rf"\b(?:{MAKERS})[ \w-]+"), "GPU"),
    Normaliser("temporary path", re.compile(r"/[\w./-]*torchproof-\w+"), "/tmp"),
    Normaliser("time unit", re.compile(r"(?<=\d)( ?)(?:ns|us|µs|μs|ms|s)\b"), r"\1s"),
    Normaliser("number", re.compile(rf"(?<![A-Za-z_])[-+]?(?:{GROUPS}\d+\.?\d*|\.\d+)(?:e[-+]?\d+)?", re.I), "0"),
    Normaliser("padding", re.compile(r"(?<=[\[(])[ \t]+|[ \t]+(?=[\])])|^[ \t]+|[ \t]+$"), ""),
    Normaliser("padding", re.compile(r"[ \t]+"), " "),
)
"""Applied, in this order, to both sides of a cell tagged volatile; every other cell is compared as it is."""

EXACT = ("~", "?")
"""Marks of lines whose numbers may never differ: facts, and proofs as a page has them."""

NUMBER = re.compile(r"(?<![\w.])[-+]?(?:\d+\.\d*|\.\d+|\d+)(?:e[-+]?\d+)?(?![\w])")

GUESS = re.compile(r"\. Did you mean:? '[^'\n]*'\?$")
"""What Python adds to the message of an error, each version another: no drift, where it ends a line of an error."""

BUILD = re.compile(r"(?<=\d)\+(?:cpu|cu\d+)\b")
"""What PyTorch's version says of the build, each machine another: no drift anywhere."""


def same(old: list[str], new: list[str], cell: Cell, *, exact: bool | None = None) -> bool:
    """Whether a run's lines of a cell equal the committed ones.

    `exact` compares numbers to the last digit, as is done by default where they come out to it.
    """
    guesses = [
        {found[0] for line in lines if line[:1] == "x" and (found := GUESS.search(line))} for lines in (old, new)
    ]
    if not all(guesses) or guesses[0] == guesses[1]:  # else they are the error's own words
        old, new = ([GUESS.sub("", line) if line[:1] == "x" else line for line in lines] for lines in (old, new))
    old, new = ([BUILD.sub("", line) for line in lines] for lines in (old, new))
    if old == new:
        return True
    if cell.is_volatile:
        return normalised(old) == normalised(new)
    exact = is_canonical() if exact is None else exact
    return not exact and len(old) == len(new) and all(map(_alike, old, new))


def normalised(lines: list[str]) -> list[str]:
    """Lines of a volatile cell with everything masked that may change; facts and proofs stay as they are.

    An array becomes one line, for where its lines break depends on its digits.
    """
    out: list[str] = []
    for line in lines:
        if line[:1] in EXACT:
            out.append(line)
            continue
        for normaliser in VOLATILE:
            line = f"{line[:1]} {normaliser.pattern.sub(normaliser.replacement, line[2:])}"
        if out and out[-1][:1] == line[:1] and out[-1].count("[") > out[-1].count("]"):
            out[-1] += line[1:] if line[2:3] != "]" else line[2:]
        else:
            out.append(line)
    return out


def merge(old: str, snippet: Snippet, lines: dict[str, list[str]], versions: dict[str, str]) -> str:
    """The CPU's transcript of this run: what it equals is kept as it was, and so is what the header says of torch.

    `lines` holds the cells that ran; the others keep theirs.
    """
    was = parse(old)
    blocks = {}
    for cell in snippet.for_device("cpu"):
        kept = was.cells[cell.slug].lines if cell.slug in was.cells else None
        now = lines.get(cell.slug, kept or [])
        blocks[cell.slug] = Block(kept if kept is not None and same(kept, now, cell) else now)
    if was.provenance(snippet, "cpu") is not None and write(was.header, blocks) == old:
        return old
    return write(header(snippet, "cpu", versions), blocks)


def diff(old: list[str], new: list[str], old_name: str, new_name: str) -> str:
    """Unified diff from `old` to `new`."""
    return "\n".join(difflib.unified_diff(old, new, old_name, new_name, lineterm="", n=2))


def _alike(old: str, new: str) -> bool:
    """Whether two lines say the same where numbers do not come out to the last digit.

    Curves of what was trained run elsewhere there: of what is drawn, only words and counts are compared.
    """
    if old[:1] == new[:1] == "#" and old[2:3] != "|":
        return _undrawn(old) == _undrawn(new)
    return _close(old, new)


def _undrawn(line: str) -> str:
    """What a line of a figure says beside its places, ends and colours."""
    return DRAWN.sub(lambda found: "…" if found.lastgroup else found[0], line)


DRAWN = re.compile(
    r"""'(?:\\.|[^'\\])*' | "(?:\\.|[^"\\])*" | \#(?P<colour>[0-9a-f]{6,8})\b | (?<=\blong\ )(?P<long>\S+)
    | (?<=\s)(?: (?P<place>-?\d+,-?\d+)(?!\S) | (?P<ends>-?[\d.]+(?:e[-+]\d+)?\s…\s-?[\d.]+(?:e[-+]\d+)?) )""",
    re.X,
)
"""What a line of a figure quotes, and the numbers in it."""


def _close(old: str, new: str) -> bool:
    """Equal within print precision: words alike, floats within about a printed unit, 1e-3 or 2e-4."""
    if old == new:
        return True
    if old[:1] != new[:1] or old[:1] in EXACT or _words(old) != _words(new):
        return False
    return all(map(_close_numbers, NUMBER.findall(old), NUMBER.findall(new)))


def _words(line: str) -> list[str]:
    return NUMBER.sub(" 0 ", line).split()


def _close_numbers(old: str, new: str) -> bool:
    if not re.search(r"[.e]", old + new):
        return old == new
    a, b = float(old), float(new)
    digits = len(old.partition("e")[0].partition(".")[2])
    unit = float(f"1e{int(old.partition('e')[2] or 0) - digits}") if digits else 0  # `2.` is printed of whole numbers
    return a == b or abs(a - b) <= max(unit, 2e-4, 1e-3 * abs(a))
