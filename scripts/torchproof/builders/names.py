"""The index of torch's names: by what the sessions say of each use, the cell that explains it first, and the others.

A name is explained where a heading, a row of *In short* or a title of the Handbook holds it, and a cell there uses it.
"""

import re
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property, lru_cache
from html import escape
from pathlib import Path

from mkdocs.structure.files import File, Files

from ..compare.check import Checker
from ..files import kept
from ..model.cells import Cell
from ..model.pages import Embed, Page
from ..model.problems import many
from ..show.names import uses

__all__ = ["PARTS", "Index", "addresses", "place_of", "reference"]

PARTS = {
    "tensor": r"Tensor(\.|$)",
    "nn": r"nn\.",
    "more": r"(?!dtype\.|device\.|finfo\.|iinfo\.|layout\.)[a-z]\w*\.",
    "torch": "",
}
"""The pages of the index, and how names that stand there begin, without `torch.`: the first that fits."""

FOLDER = "lookup/names"
"""Where they lie in `docs/`."""

UP = "../../"
"""From there to `docs/`."""

MANY = 8
"""Cells of a page from which on it counts no more how many of them use a name."""

SHOWN = 5
"""Pages that an entry links to beside the one that explains it; the others are counted."""


@dataclass(frozen=True)
class Place:
    """A cell that uses a name, where a page shows it."""

    page: Page
    embed: Embed
    cell: Cell
    is_handbook: bool
    heading: str
    """What it stands under."""
    around: frozenset[str]
    """The words of the code in the text around it, from the cell above to the one below."""
    in_short: frozenset[str]
    """The words of the code in the table of *In short* of its page."""

    @property
    def link(self) -> str:
        return f"{self.page.name}{self.page.suffix}#cell-{self.embed.slug}"

    def weight(self, short: str) -> int:
        """How much speaks for it as the place that explains a name."""
        if not self.is_handbook:
            return -2 - 20 * bool(self.cell.tags & NO_LESSON)
        return (
            6 * (short in _words(self.heading))
            + 4 * (short in self.in_short)
            + 3 * (short in _words(self.cell.title))
            + 2 * (short in _words(self.page.title))
            + (short in self.around)
            - bool(self.cell.must_raise)
            - 20 * bool(self.cell.tags & NO_LESSON)
        )


NO_LESSON = {"exercise", "solution"}

HANDBOOK = "Handbook"
"""The tab whose pages explain."""


class Index:
    """Every name of torch that shown cells use."""

    def __init__(self, checker: Checker, root: Path) -> None:
        self.checker = checker
        self.tabs = _tabs(root)

    @cached_property
    def places(self) -> dict[str, list[Place]]:
        """By name, the cells that use it, in the order of reading."""
        found: dict[str, dict[tuple[str, str], Place]] = {}
        for place in self._places():
            check = self.checker.chapter(place.embed.chapter)
            for use in uses(check, place.cell):
                found.setdefault(use.name, {}).setdefault((place.page.name, place.embed.slug), place)
        return {name: list(places.values()) for name, places in found.items()}

    def _places(self) -> Iterator[Place]:
        """The cells that pages show, in the order of reading."""
        pages, snippets = self.checker.site.pages, self.checker.site.snippets
        known = [name for name in self.tabs if name in pages]
        for page in (pages[name] for name in dict.fromkeys([*known, *pages])):
            is_handbook = self.tabs.get(page.name, HANDBOOK) == HANDBOOK
            for embed, heading, around, in_short in _shown(page.name, page):
                snippet = snippets.get(embed.chapter)
                if cell := snippet and snippet.cell(embed.slug):
                    yield Place(page, embed, cell, is_handbook, heading, around, in_short)

    def listed(self, part: str) -> str:
        """The entries of one part as a Markdown table, for its page."""
        names = sorted((name for name in self.places if place_of(name)[0] == part), key=str.lower)
        if not names:
            raise ValueError(f"no shown cell uses a name of '{part}'; the parts are: {', '.join(PARTS)}")
        rows = [f"| {self._head(name)} | {self._where(name)} |" for name in names]
        return "\n".join(["| name | where to see it |", "| --- | --- |", *rows])

    def _head(self, name: str) -> str:
        anchor = place_of(name)[1]
        return f"`{anchor}`{{#{anchor}}}"

    def _where(self, name: str) -> str:
        places, short = self.places[name], name.rpartition(".")[2]
        cells = Counter(place.page.name for place in places)

        def merit(place: Place) -> tuple[bool, float]:
            weight, count = place.weight(short), cells[place.page.name]
            return weight > 0, weight + min(count, MANY) / 2

        best = max(places, key=merit)  # the first of equals
        others = {page: count for page, count in cells.items() if page != best.page.name}
        first = {place.page.name: place for place in reversed(places)}
        links = [
            f"[{_short(first[page].page)}]({UP}{first[page].link}){f' {count}' if count > 1 else ''}"
            for page, count in list(others.items())[:SHOWN]
        ]
        more = len(others) - len(links)
        links += [f"{many(more, 'more page')}"] if more else []
        link = f"[{_text(best.cell.title)}]({UP}{best.link})"
        said = [f"{f'**{link}**' if best.weight(short) > 0 else link}, {_short(best.page)}"]
        said += [f"also {', '.join(links)}"] if links else []
        return " · ".join([*said, f"[PyTorch]({reference(name)})"])


def place_of(name: str) -> tuple[str, str]:
    """The part of the index that has a name, and the name's anchor there."""
    anchor = name.removeprefix("torch.")
    return next(part for part, start in PARTS.items() if re.match(start, anchor)), anchor


def addresses(files: Files, file: File) -> Callable[[str], str] | None:
    """Where the site has the entry of a name, as seen from a page; None where the site has no index."""
    pages = {part: files.get_file_from_path(f"{FOLDER}/{part}.md") for part in PARTS}
    if not all(pages.values()):
        return None

    def address(name: str) -> str:
        part, anchor = place_of(name)
        return f"{pages[part].url_relative_to(file)}#{anchor}"

    return address


# --- PyTorch's reference ----------------------------------------------------------------------------------------------

DOCS = "https://docs.pytorch.org/docs/stable/"

SEARCH = "search.html?q={0}"

RULES = (
    (r"torch\.Tensor", "tensors.html#{0}"),
    (r"torch\.Tensor\.m?[TH]", "tensors.html#{0}"),
    (r"torch\.Tensor\.dtype", "tensor_attributes.html#torch.dtype"),
    (r"torch\.(?:Tensor\.(?:data|grad_fn|log_softmax|relu|resize)|conv2d|relu|matrix_rank)", SEARCH),  # they have none
    (r"torch\.Tensor\.\w+", "generated/{0}.html"),
    (r"torch\.(?:bool|half|double|long|short)", "tensor_attributes.html#torch.dtype"),
    (r"torch\.(?:u?int|b?float|complex)\d*(?:_\w+)?", "tensor_attributes.html#torch.dtype"),
    (r"torch\.(dtype|device|layout|memory_format)(?:\.\w+)?", "tensor_attributes.html#torch.{1}"),
    (r"torch\.(?:strided|sparse_\w+|jagged)", "tensor_attributes.html#torch.layout"),
    (r"torch\.(?:\w+_format|channels_last\w*)", "tensor_attributes.html#torch.memory_format"),
    (r"torch\.(?:finfo|iinfo)(?:\.\w+)?", "type_info.html"),
    (r"torch\.Size(?:\.\w+)?", "size.html"),
    (r"torch\.inference_mode", "generated/torch.autograd.grad_mode.inference_mode.html"),
    (r"torch\.autocast", "amp.html#torch.autocast"),
    (r"torch\.nn\.Parameter(?:\.\w+)?", "generated/torch.nn.parameter.Parameter.html"),
    (r"torch\.nn\.init\.\w+", "nn.init.html#{0}"),
    (r"torch\.optim\.Optimizer\.(?:add_param_group|load_state_dict|state_dict|step|zero_grad)", "generated/{0}.html"),
    (r"torch\.utils\.data\..+", "data.html#{0}"),
    (r"torch\.utils\.checkpoint\..+", "checkpoint.html#{0}"),
    (r"torch\.utils\.benchmark\..+", "benchmark_utils.html#{0}"),
    (r"torch\.autograd\.(?:Function|function|graph|profiler)\b.*", "autograd.html#{0}"),
    (r"torch\.(distributions|testing|profiler|library|amp|special|masked|random|fx)\..+", "{1}.html#{0}"),
    (r"torch\.serialization\..+", "notes/serialization.html#{0}"),
    (r"torch\.backends\..+", "backends.html#{0}"),
    (r"torch\.(?:inf|nan|pi|e|newaxis)", "torch.html"),
    (r"torch\.OutOfMemoryError", "generated/torch.cuda.OutOfMemoryError.html"),
    (r"torch\.GradScaler\b(.*)", "amp.html#torch.amp.GradScaler{1}"),
    (r"torch\.cuda\.(\w*memory\w*|empty_cache|mem_get_info)", "generated/torch.cuda.memory.{1}.html"),
    (r"(torch(?:\.nn(?:\.utils\.rnn)?|\.optim(?:\.lr_scheduler)?|\.cuda)?\.[A-Z]\w*)\.\w+", "generated/{1}.html#{0}"),
    (r"torch(?:\.nn(?:\.functional|\.utils(?:\.rnn)?)?)?\.\w+", "generated/{0}.html"),
    (r"torch\.(?:optim(?:\.lr_scheduler)?|linalg|fft|func|autograd|cuda|accelerator)\.\w+", "generated/{0}.html"),
)
"""Where PyTorch's manual has a name, by its form: the first that fits."""


def reference(name: str) -> str:
    """The address of a name in PyTorch's manual; of the manual's search, where its place there has no rule."""
    for form, place in RULES:
        if found := re.fullmatch(form, name):
            return DOCS + place.format(name, *found.groups())
    return DOCS + SEARCH.format(name)


# --- pages ------------------------------------------------------------------------------------------------------------


def _tabs(root: Path) -> dict[str, str]:
    """The tab of each page, in the order of reading, as mkdocs.yml has them; none without a list there."""
    found, tab = {}, ""
    _, _, nav = (root / "mkdocs.yml").read_text(encoding="utf-8").partition("\nnav:\n")
    for line in nav.split("\n"):
        if started := re.fullmatch(r"  - ([^:]+):", line):
            tab = started[1]
        elif page := re.search(r"([\w/]+)\.(?:md|py)$", line):
            found[page[1]] = tab
    return found


@kept
def _shown(_: str, page: Page) -> list[tuple[Embed, str, frozenset[str], frozenset[str]]]:
    """The cells that a page shows: what each stands under, the words of the code around it, and those of *In short*."""
    lines, places, found = page.text.split("\n"), [0, *(embed.line for embed in page.cards), None], []
    _, _, in_short = page.text.partition("\n## In short\n")
    rows = _code(re.findall(r"^\|.*", in_short.partition("\n## ")[0], re.M))
    for embed, above, below in zip(page.cards, places, places[2:], strict=False):
        heading = next((line for line in reversed(lines[: embed.line]) if re.match("##+ ", line)), "")
        found.append((embed, heading, _code(lines[above:below]), rows))
    return found


def _code(lines: list[str]) -> frozenset[str]:
    """The words of the code in lines of Markdown, but for proofs."""
    return frozenset(word for line in lines for code in re.findall("`([^`]+)`(?!{)", line) for word in _words(code))


@lru_cache(10_000)  # of headings and titles, asked for each name below them
def _words(text: str) -> frozenset[str]:
    return frozenset(re.findall(r"\w+", text))


def _short(page: Page) -> str:
    return _text(page.short_title)


def _text(words: str) -> str:
    """Words as Markdown, in a cell of a table."""
    return re.sub(r"([\\`*_\[\]])", r"\\\1", escape(words, quote=False)).replace("|", "&#124;")
