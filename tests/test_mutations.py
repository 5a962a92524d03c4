"""Drift is never missed: change anything in a chapter, and check, build and tests all fail and say where.

The chapter holds every kind of line, and lies in a copy of the site.
A mutation finds its place in it by pattern, so rewording a chapter breaks no test,
and returns what each of the three reports must say: places, words, and the way out.
All of them are tried at once: one site, with a copy of the chapter for each mutation.
"""

import hashlib
import random
import re
import shutil
from collections.abc import Callable
from dataclasses import replace
from itertools import pairwise

import pytest
from conftest import NIGHTLY, ROOT, Project, commit_transcripts
from kinds import holding_all
from torchproof.compare import transcript
from torchproof.compare.check import Checker, check_chapter
from torchproof.compare.site import Site
from torchproof.model.cells import slug_of
from torchproof.read.snippets import read_snippet
from torchproof.run.runner import Runner

COMMANDS = ["torchproof check", "mkdocs build", "pytest"]
ACCEPT = "torchproof accept"


class Chapter(Project):
    """A chapter of a copied site, to be changed."""

    def __init__(self, root, name):
        super().__init__(root)
        self.name = name
        self.snippet = f"snippets/{name}.py"
        self.transcript = f"snippets/{name}.cpu.txt"
        self.page = f"docs/{name}.md"

    def lines(self, file):
        return self.read(file).split("\n")

    def line_of(self, file, pattern):
        """The first line that matches, counted from 1."""
        lines = enumerate(self.lines(file), 1)
        return next(number for number, line in lines if re.search(pattern, line))

    def slugs(self, tags=r"(?!.*tags=)"):
        """The cells whose head matches `tags`, in order; those without any tag if nothing is said."""
        heads = [line for line in self.lines(self.snippet) if re.match(rf"# %% {tags}", line)]
        return [slug_of(re.sub("# %% | tags=.*", "", head)) for head in heads]

    def head(self, slug):
        lines = enumerate(self.lines(self.snippet), 1)
        return next(n for n, line in lines if slug_of(re.sub(" tags=.*", "", line)) == slug and line.startswith("# %%"))

    def cell(self, slug):
        """Where its code begins: `snippets/x.py:12`."""
        return f"{self.snippet}:{self.head(slug)}"

    def fence(self, slug):
        """Where its page shows it: `docs/x.md:40`."""
        return f"{self.page}:{self.line_of(self.page, f'{re.escape(self.name)}#{re.escape(slug)}$') - 1}"

    def drifted(self, slug):
        """What a report says when accepting would settle the drift of a cell."""
        return [self.cell(slug), self.fence(slug), self.transcript, f"{ACCEPT} -k {self.name}"]

    def committed(self, pattern):
        """Place and cell of the first transcript line that matches, in a cell that the page shows."""
        slug, page = "", self.read(self.page)
        for index, line in enumerate(self.lines(self.transcript)):
            slug = line[3:] if line.startswith("%% ") else slug
            if re.search(pattern, line) and f"{self.name}#{slug}\n" in page:
                return index, slug
        raise AssertionError(f"{self.transcript} holds no {pattern!r}")

    def edit(self, file, index, *lines):
        """Put `lines` in place of one."""
        every = self.lines(file)
        self.write(file, "\n".join([*every[:index], *lines, *every[index + 1 :]]))

    def body(self, slug):
        """First and last line of a cell's code, counted from 1."""
        lines, first = self.lines(self.snippet), self.head(slug) + 1
        heads = [number for number, line in enumerate(lines, 1) if line.startswith("# %%") and number > first]
        last = (heads[0] if heads else len(lines) + 1) - 1
        while not lines[last - 1].strip():
            last -= 1
        return first, last

    def extend(self, slug, *code):
        """Add lines at the end of a cell; return the number of the first."""
        last = self.body(slug)[1]
        self.edit(self.snippet, last - 1, self.lines(self.snippet)[last - 1], *code)
        return last + 1

    def rewrite(self, slug, change):
        """Put `change(lines)` in place of a cell's lines."""
        first, last = self.body(slug)
        lines = self.lines(self.snippet)
        self.write(self.snippet, "\n".join([*lines[: first - 1], *change(lines[first - 1 : last]), *lines[last:]]))

    def add_cell(self, head, code, committed):
        """A new cell at the end, as if it had been accepted."""
        self.write(self.snippet, f"{self.read(self.snippet).rstrip()}\n\n# %% {head}\n{code}\n")
        slug = slug_of(re.sub(" tags=.*", "", head))
        self.write(self.transcript, "\n".join([self.read(self.transcript), f"%% {slug}", *committed, ""]))
        return slug

    def add_prose(self, *lines):
        """New lines at the end of the page; return the number of the first."""
        text = self.read(self.page).rstrip("\n") + "\n\nA paragraph.\n\n"
        self.write(self.page, text + "\n".join(lines) + "\n")
        return text.count("\n") + 1

    def embed(self, slug):
        self.add_prose("```cell", f"{self.name}#{slug}", "```")


class Once:
    """A runner that runs each job once, whatever its file is called, and keeps it where the commands find it."""

    def __init__(self, runner):
        self.runner = runner
        self.cache, self.zygote = runner.cache, runner.zygote
        self.runs = {}
        self.kept = set()

    def run(self, job):
        key = replace(job, file="")
        if key not in self.runs:
            self.runs[key] = self.runner.run(job)
        if job not in self.kept and not self.runs[key].died:
            self.cache.save(job, self.runs[key])
            self.kept.add(job)
        return self.runs[key]


@pytest.fixture(scope="module")
def workshop(site_of_one, tmp_path_factory):
    """The chapter as committed, in a copy of the site, and a runner that has warmed up."""
    root, name = site_of_one
    folder = tmp_path_factory.mktemp("mutations")
    site = Project(shutil.copytree(root, folder / "site"))
    (site.root / "docs/lookup/errors.md").unlink()  # an error is explained once, and there will be copies
    commit_transcripts(site)
    shutil.copytree(site.root, folder / "as committed")
    with Runner(site.root, cached=True) as runner:
        runner.zygote.start()
        yield folder, name, Once(runner)


@pytest.fixture
def chapter(workshop):
    return Chapter(fresh(workshop).root, workshop[1])


def fresh(workshop):
    """The site as committed."""
    folder = workshop[0]
    for part in ("docs", "snippets"):
        shutil.rmtree(folder / "site" / part)
        shutil.copytree(folder / "as committed" / part, folder / "site" / part)
    return Project(folder / "site")


def prepare(site, workshop):
    """Run the site's chapters here, so that the commands find them in the cache."""
    with Checker(Site.read(site.root), workshop[2]) as checker:
        checker.problems()


def ruin(site, name, claims):
    """Copy the chapter for each mutation, and ruin it; returns the copies, and what reports must say of each.

    What only adds a paragraph at the end of the page goes into one copy, for each copy is run.
    """
    whole = Chapter(site.root, name)
    copies = {}
    for claim in claims:
        called = "prose" if claim in PROSE else claim
        copy = Chapter(site.root, f"{name.rpartition('/')[0]}/m{hashlib.sha1(called.encode()).hexdigest()[:9]}")
        for file in ("snippet", "transcript", "page"):
            copy.write(getattr(copy, file), whole.read(getattr(whole, file)).replace(name, copy.name))
        copies[claim] = copy
    return copies, {claim: MUTATIONS[claim](copy) for claim, copy in copies.items()}


Mutation = Callable[[Chapter], list[str]]
MUTATIONS: dict[str, Mutation] = {}
PROSE: set[str] = set()
"""Those that add a paragraph at the end of the page, and nothing else."""


def mutation(claim, is_prose=False):
    def register(mutate):
        MUTATIONS[claim] = mutate
        PROSE.update([claim] * is_prose)
        return mutate

    return register


# --- in a transcript ------------------------------------------------------------------------------------------------


def replaced(pattern, new):
    """A mutation of the first transcript line that matches, in the place of the pattern's group."""

    def mutate(chapter):
        index, slug = chapter.committed(pattern)
        line = chapter.lines(chapter.transcript)[index]
        start, end = re.search(pattern, line).span(1)
        chapter.edit(chapter.transcript, index, line[:start] + new(line[start:end]) + line[end:])
        return [*chapter.drifted(slug), f"+{line}"]

    return mutate


def more(number):
    return str(int(number) + 1)


def other(word):
    return word.swapcase()


for claim, pattern, new in [
    ("a digit of a shown value", r"^= .*?(\d+)", more),
    ("a word of a printed line", r"^\| .*?([A-Za-z]{3,})", other),
    ("a shape", r"^~ [^\[]*\[(\d+)", more),
    ("a stride", r"^~ .*strides \((\d+)", more),
    ("a dtype", r"^~ \d+ \S+ +([a-z]+\d+)\[\d", lambda _: "int16"),
    ("whether it is contiguous", r"^~ .* (contiguous)", lambda _: "not contiguous"),
    ("who shares memory", r"^~ .*contiguous()$", lambda _: "  shares nothing"),
    ("a fact's name", r"^~ \d+ (\w+)", lambda name: f"{name}_"),
    ("a fact's statement", r"^~ (\d+)", more),
    ("what is plotted", r"^# .*?(\d+) ", more),
    ("what is drawn", r"^@ .*?([A-Za-z]{3,})", other),
    ("the type of an exception", r"^x (\w+Error)", lambda _: "KeyError"),
    ("a word of an exception", r"^x \w+Error: .*?([a-z]{3,})", other),
    ("the statement of an exception", r"^x statement (\d+)", more),
    ("the kind of a line", r"^(=) ", lambda _: "|"),
    ("a space at the end", r"^= .*?()$", lambda _: " "),
]:
    mutation(f"transcript: {claim} changed")(replaced(pattern, new))


@mutation("transcript: a line deleted")
def delete_line(chapter):
    index, slug = chapter.committed("^= ")
    line = chapter.lines(chapter.transcript)[index]
    chapter.edit(chapter.transcript, index)
    return [*chapter.drifted(slug), f"+{line}"]


@mutation("transcript: a line added")
def add_line(chapter):
    index, slug = chapter.committed("^= ")
    line = chapter.lines(chapter.transcript)[index]
    chapter.edit(chapter.transcript, index, line, "= nobody printed this")
    return [*chapter.drifted(slug), "-= nobody printed this"]


@mutation("transcript: a merge left its marks")
def leave_conflict(chapter):
    index, slug = chapter.committed("^= ")
    line = chapter.lines(chapter.transcript)[index]
    chapter.edit(chapter.transcript, index, "<<<<<<< HEAD", line, "=======", line, ">>>>>>> main")
    return [*chapter.drifted(slug), "-<<<<<<< HEAD"]


@mutation("transcript: a cell removed")
def remove_block(chapter):
    _, slug = chapter.committed("^= ")
    text = re.sub(rf"^%% {slug}\n.*?\n\n", "", chapter.read(chapter.transcript), count=1, flags=re.M | re.S)
    chapter.write(chapter.transcript, text)
    return chapter.drifted(slug)


@mutation("transcript: a cell that no snippet has")
def add_block(chapter):
    chapter.write(chapter.transcript, chapter.read(chapter.transcript) + "\n%% a-cell-of-last-year\n= 1\n")
    return [f"{chapter.transcript}:1", "-%% a-cell-of-last-year", ACCEPT]


@mutation("transcript: two cells swapped")
def swap_blocks(chapter):
    head, first, second, *rest = chapter.read(chapter.transcript).split("\n\n%% ")
    chapter.write(chapter.transcript, "\n\n%% ".join([head, second, first, *rest]))
    return [f"{chapter.transcript}:1", ACCEPT]


def other_header(change):
    """A mutation of the first line."""

    def mutate(chapter):
        header = chapter.lines(chapter.transcript)[0]
        chapter.edit(chapter.transcript, 0, changed := change(header))
        return [f"{chapter.transcript}:1", f"-{changed}", f"+{header}", f"{ACCEPT} -k {chapter.name}"]

    return mutate


for claim, change in [
    ("another format in the header", lambda header: header.replace("torchproof 2", "torchproof 1")),
    ("another chapter in the header", lambda header: header.replace(".py", "2.py")),
    ("another device in the header", lambda header: header.replace(" · cpu · ", " · cuda · ")),
    ("no torch in the header", lambda header: header.rpartition(" · ")[0]),
    ("a torch in the header that is no version", lambda header: re.sub(r"torch \S+", "torch here", header)),
    ("more in the header", lambda header: f"{header} · tuesday"),
]:
    mutation(f"transcript: {claim}")(other_header(change))


@mutation("transcript: no header")
def drop_header(chapter):
    header = chapter.lines(chapter.transcript)[0]
    chapter.edit(chapter.transcript, 0)
    return [f"{chapter.transcript}:1", f"+{header}", ACCEPT]


@mutation("transcript: the header only")
def keep_header(chapter):
    chapter.write(chapter.transcript, chapter.lines(chapter.transcript)[0] + "\n")
    return chapter.drifted(chapter.slugs()[0])


@mutation("transcript: empty")
def empty_transcript(chapter):
    chapter.write(chapter.transcript, "")
    return [chapter.transcript, ACCEPT]


@mutation("transcript: not UTF-8")
def break_encoding(chapter):
    index, slug = chapter.committed("^= ")
    lines = (chapter.root / chapter.transcript).read_bytes().split(b"\n")
    lines[index] = b"= \xff"
    (chapter.root / chapter.transcript).write_bytes(b"\n".join(lines))
    return chapter.drifted(slug)


@mutation("transcript: deleted")
def delete_transcript(chapter):
    (chapter.root / chapter.transcript).unlink()
    return [f"{chapter.transcript}:1", "no transcript", f"{ACCEPT} -k {chapter.name}"]


@mutation("transcript: without a snippet")
def orphan_transcript(chapter):
    chapter.write(f"snippets/{chapter.name}2.cpu.txt", chapter.read(chapter.transcript))
    return [f"snippets/{chapter.name}2.cpu.txt:1", f"snippets/{chapter.name}2.py", "delete it, or rename it"]


@mutation("transcript: of an unknown device")
def unknown_device(chapter):
    chapter.write(f"snippets/{chapter.name}.tpu.txt", chapter.read(chapter.transcript))
    return [f"snippets/{chapter.name}.tpu.txt:1"]


# --- in a snippet ---------------------------------------------------------------------------------------------------


@mutation("snippet: a cell prints more")
def print_more(chapter):
    slug = chapter.slugs()[0]
    chapter.extend(slug, 'print("drifted")')
    return [*chapter.drifted(slug), "+| drifted"]


@mutation("snippet: a cell makes another tensor")
def make_tensor(chapter):
    slug = chapter.slugs()[0]
    chapter.extend(slug, "import torch", "drifted = torch.zeros(2, 5).t()")
    return [*chapter.drifted(slug), "drifted float32[5, 2] strides (1, 5) not contiguous"]


@mutation("snippet: a cell draws something else")
def draw_else(chapter):
    _, slug = chapter.committed("^# figure")
    chapter.extend(slug, "import matplotlib.pyplot", 'matplotlib.pyplot.gcf().axes[0].set_title("drifted")')
    return [*chapter.drifted(slug), "title 'drifted'"]


@mutation("snippet: a size changed")
def change_size(chapter):
    index = chapter.line_of(chapter.snippet, SIZED) - 1
    line = chapter.lines(chapter.snippet)[index]
    chapter.edit(chapter.snippet, index, re.sub(SIZED, lambda m: m[1] + more(m[2]), line))
    return [re.compile(rf"{chapter.snippet}:\d+: .*{chapter.page}:\d+")]


SIZED = r"^(\w+ = torch\.(?:arange|ones|zeros|rand)\()(\d+)"
"""A line whose number is the size of a tensor, which is a fact."""


@mutation("snippet: a cell raises")
def raise_error(chapter):
    slug = chapter.slugs()[0]
    line = chapter.extend(slug, 'raise RuntimeError("drifted")')
    return [f"{chapter.snippet}:{line}", chapter.fence(slug), "RuntimeError: drifted", "tag it"]


@mutation("snippet: a cell leaves Python's grammar")
def break_syntax(chapter):
    slug = chapter.slugs()[0]
    line = chapter.extend(slug, "x = = 1")
    return [f"{chapter.snippet}:{line}", chapter.fence(slug), "SyntaxError"]


@mutation("snippet: a cell ends the process")
def end_process(chapter):
    slug = chapter.slugs()[0]
    chapter.extend(slug, "import os", "os._exit(0)")
    return [chapter.cell(slug), chapter.fence(slug), f"ended itself in the cell '{slug}'"]


def harmless(lines):
    return ["try:", *(f"    {line}" for line in lines), "except Exception:", "    pass"]


@mutation("snippet: what should raise does not")
def raise_nothing(chapter):
    slug = chapter.slugs(r".*raises-exception")[0]
    chapter.rewrite(slug, harmless)
    return [chapter.cell(slug), chapter.fence(slug), "tagged raises-exception, but nothing raises"]


@mutation("snippet: an exercise that passes already")
def solve_exercise(chapter):
    slug = chapter.slugs(r".*exercise")[0]
    chapter.rewrite(slug, harmless)
    return [chapter.cell(slug), chapter.fence(slug), "tagged exercise, but nothing raises"]


@mutation("snippet: what should raise raises something else")
def raise_else(chapter):
    slug = chapter.slugs(r".*raises-exception")[0]
    chapter.rewrite(slug, lambda lines: ['raise KeyError("drifted")', *lines])
    return [*chapter.drifted(slug), "+x KeyError: 'drifted'"]


@mutation("snippet: a solution that fails")
def break_solution(chapter):
    slug = chapter.slugs(r".*\bsolution\b")[0]
    line = chapter.extend(slug, "assert 1 == 2")
    return [f"{chapter.snippet}:{line}", chapter.fence(slug), "AssertionError"]


@mutation("snippet: what raises is no longer tagged")
def drop_tag(chapter):
    slug = chapter.slugs(r".*raises-exception")[0]
    index = chapter.head(slug) - 1
    chapter.edit(chapter.snippet, index, re.sub(" tags=.*", "", chapter.lines(chapter.snippet)[index]))
    return [re.compile(rf"{chapter.snippet}:\d+: "), chapter.fence(slug), "Error", 'tags=["raises-exception"]']


@mutation("snippet: an unknown tag")
def unknown_tag(chapter):
    index = chapter.head(chapter.slugs()[-1]) - 1
    chapter.edit(chapter.snippet, index, chapter.lines(chapter.snippet)[index] + ' tags=["raises-exeption"]')
    return [f"{chapter.snippet}:{index + 1}", "did you mean 'raises-exception'?"]


@mutation("snippet: two cells of one title")
def duplicate_title(chapter):
    slug = chapter.slugs()[0]
    first, last = chapter.head(slug), chapter.slugs()[-1]
    second = chapter.extend(last, "", chapter.lines(chapter.snippet)[first - 1], "pass") + 1
    return [f"{chapter.snippet}:{second}", f"a second cell '{slug}' (the first: line {first})", "rename one"]


@mutation("snippet: a cell without a title")
def no_title(chapter):
    line = chapter.extend(chapter.slugs()[-1], "# %%", "pass")
    return [f"{chapter.snippet}:{line}", "a cell needs a title"]


@mutation("snippet: code above the first cell")
def code_above(chapter):
    line = chapter.line_of(chapter.snippet, "^# %%")
    chapter.edit(chapter.snippet, line - 1, "import os", chapter.lines(chapter.snippet)[line - 1])
    return [f"{chapter.snippet}:{line}", "code above the first cell never runs"]


@mutation("snippet: a cell renamed")
def rename_cell(chapter):
    slug = chapter.slugs()[0]
    fence = chapter.fence(slug)
    index = chapter.head(slug) - 1
    chapter.edit(chapter.snippet, index, chapter.lines(chapter.snippet)[index] + "s")
    return [f"{chapter.snippet}:{index + 1}", fence, f"did you mean '{slug}s'?"]


@mutation("snippet: two cells swapped")
def swap_cells(chapter):
    cells = read_snippet(chapter.root, chapter.name).cells
    first, second = next(pair for pair in pairwise(cells) if all(cell.is_shown for cell in pair))
    blocks = [f"{chapter.lines(chapter.snippet)[cell.line - 2]}\n{cell.source}" for cell in (first, second)]
    chapter.replace(chapter.snippet, "\n".join(blocks), "\n".join(reversed(blocks)))
    return [chapter.fence(second.slug), f"the cell '{second.slug}' runs before '{first.slug}'"]


@mutation("snippet: a cell on no page")
def unseen_cell(chapter):
    slug = chapter.add_cell("On no page at all", "1 + 1", ["= 2"])
    return [chapter.cell(slug), f"no page shows the cell '{slug}'", chapter.page]


@mutation("snippet: works because of a hidden cell only")
def hidden_help(chapter):
    chapter.add_cell('Hidden help tags=["remove-cell"]', "nobody_sees_me = 41", [])
    slug = chapter.add_cell("Needs hidden help", "nobody_sees_me + 1", ["= 42"])
    chapter.embed(slug)
    return [chapter.cell(slug), chapter.fence(slug), "without the hidden cells", "NameError"]


@mutation("page: a proof of what a hidden cell binds")
def hidden_proof(chapter):
    chapter.add_cell('Hidden help tags=["remove-cell"]', "nobody_sees_me = 41", [])
    slug = chapter.add_cell("Needs no help", "seen = 41", [])
    chapter.embed(slug)
    chapter.add_prose("`seen == nobody_sees_me`{.proof}")
    return [chapter.cell(slug), chapter.fence(slug), "without the hidden cells", "-? seen == nobody_sees_me"]


@mutation("snippet: not UTF-8")
def latin_snippet(chapter):
    line = chapter.extend(chapter.slugs()[0], "# é")
    path = chapter.root / chapter.snippet
    path.write_bytes(path.read_text(encoding="utf-8").encode("latin-1", "replace"))
    return [f"{chapter.snippet}:{line}", "UTF-8"]


@mutation("snippet: no page")
def new_snippet(chapter):
    text = chapter.lines(chapter.transcript)[0].replace(chapter.name, f"{chapter.name}2")
    chapter.write(f"snippets/{chapter.name}2.py", "# %% One cell\n1 + 1\n")
    chapter.write(f"snippets/{chapter.name}2.cpu.txt", f"{text}\n\n%% one-cell\n= 2\n")
    return [f"snippets/{chapter.name}2.py:1", f"write docs/{chapter.name}2.md"]


# --- on a page ------------------------------------------------------------------------------------------------------


@mutation("page: deleted")
def delete_page(chapter):
    (chapter.root / chapter.page).unlink()
    return [f"{chapter.snippet}:1", f"write {chapter.page}"]


@mutation("page: a proof turned into its opposite")
def negate_proof(chapter):
    line = chapter.line_of(chapter.page, r"`\{\.proof\}")
    text = re.sub(r"`([^`]+)`(?=\{\.proof\})", r"`not (\1)`", chapter.lines(chapter.page)[line - 1], count=1)
    chapter.edit(chapter.page, line - 1, text)
    return [f"{chapter.page}:{line}", "the proof `not (", "is False"]


@mutation("page: a false proof", is_prose=True)
def false_proof(chapter):
    line = chapter.add_prose("`1 + 1 == 3`{.proof}")
    return [f"{chapter.page}:{line}", "the proof `1 + 1 == 3` is False: left is 2, right is 3"]


@mutation("page: a proof that raises", is_prose=True)
def raising_proof(chapter):
    line = chapter.add_prose("`1 / 0 == 1`{.proof}")
    return [f"{chapter.page}:{line}", "raises ZeroDivisionError: division by zero"]


@mutation("page: a proof that is no bool", is_prose=True)
def loose_proof(chapter):
    line = chapter.add_prose("`[1 + 1]`{.proof}")
    return [f"{chapter.page}:{line}", "is not a bool but [2]"]


@mutation("page: many proofs that prove nothing")
def many_proofs(chapter):
    expressions = [
        "None",
        "1",
        "'True'",
        "lambda: True",
        "NotImplemented",
        "nobody_sees_me",
        "1 ==",
        "x = True",
        "torch.ones(0) == 1",
        "torch.tensor([True, False])",
        "torch.ones(2)",
        "exit()",
    ]
    first = chapter.add_prose(*[f"`{text}`{{.proof}}" for text in expressions])
    places = [f"{chapter.page}:{first + number}: the proof `{text}`" for number, text in enumerate(expressions)]
    return [*places, "is not a bool but None", "raises NameError", "raises SyntaxError", "is False"]


@mutation("page: a proof that ends the process")
def deadly_proof(chapter):
    line = chapter.add_prose("`__import__('os')._exit(0)`{.proof}")
    return [f"{chapter.page}:{line}", "ended the process"]


@mutation("page: a proof above every cell")
def early_proof(chapter):
    line = chapter.line_of(chapter.page, "^# ") + 2
    chapter.edit(chapter.page, line - 2, "", "`1 == 1`{.proof}", "")
    return [f"{chapter.page}:{line}", "the proof `1 == 1` stands above every cell"]


@mutation("page: a proof broken over two lines", is_prose=True)
def broken_proof(chapter):
    line = chapter.add_prose("A claim: `1 +", "1 == 3`{.proof} at the end of a line.")
    return [re.compile(rf"{chapter.page}:({line}|{line + 1}):")]


@mutation("page: a proof in indented code", is_prose=True)
def indented_proof(chapter):
    line = chapter.add_prose("    `1 == 1`{.proof}")
    return [f"{chapter.page}:{line}"]


@mutation("page: a proof in raw HTML", is_prose=True)
def raw_proof(chapter):
    line = chapter.add_prose("<div>", "`1 == 1`{.proof}", "</div>")
    return [f"{chapter.page}:{line}"]


@mutation("page: a proof a space away from its braces", is_prose=True)
def loose_braces(chapter):
    line = chapter.add_prose("A claim: `1 == 3` {.proof}.")
    return [f"{chapter.page}:{line}"]


@mutation("page: a drawing of nothing", is_prose=True)
def draw_nothing(chapter):
    line = chapter.add_prose("```memory", "nobody_sees_me", "```")
    return [f"{chapter.page}:{line}", "the drawing `memory`", "nobody_sees_me"]


@mutation("page: a table of what is not there", is_prose=True)
def tabulate_nothing(chapter):
    line = chapter.add_prose("```table", "a sum | 1 + 1", "a name | nobody_sees_me", "```")
    return [f"{chapter.page}:{line}", "the table: `nobody_sees_me` raises NameError"]


@mutation("page: a table that was not accepted")
def tabulate_more(chapter):
    slug = chapter.add_cell("The last cell", "1 + 1", ["= 2"])
    chapter.embed(slug)
    chapter.add_prose("```table", "a sum | 20 + 3", "```")
    return [*chapter.drifted(slug), "+@ a sum | 20 + 3 +@ = 23"]


@mutation("page: a drawing above every cell")
def early_drawing(chapter):
    line = chapter.line_of(chapter.page, "^# ") + 2
    chapter.edit(chapter.page, line - 2, "", "```memory", "x", "```", "")
    return [f"{chapter.page}:{line}", "the drawing `x` stands above every cell"]


@mutation("page: a cell that does not exist")
def missing_cell(chapter):
    slug = chapter.slugs()[0]
    fence = chapter.fence(slug)
    chapter.replace(chapter.page, f"{chapter.name}#{slug}\n", f"{chapter.name}#{slug[:-1]}\n")
    return [fence, f"{chapter.snippet} has no cell '{slug[:-1]}'", f"did you mean '{slug}'?", chapter.cell(slug)]


@mutation("page: a chapter that does not exist")
def missing_chapter(chapter):
    slug = chapter.slugs()[0]
    fence = chapter.fence(slug)
    chapter.replace(chapter.page, f"{chapter.name}#{slug}\n", f"{chapter.name[:-1]}#{slug}\n")
    return [fence, f"no snippet {chapter.name[:-1]}.py", f"did you mean '{chapter.name}'?"]


@mutation("page: cells out of order")
def out_of_order(chapter):
    first, second = chapter.slugs("(?!.*remove-cell)")[:2]
    places = [chapter.fence(slug) for slug in (first, second)]
    text = chapter.read(chapter.page)
    parts = re.split(rf"(?<=#)({re.escape(first)}|{re.escape(second)})$", text, flags=re.M)
    assert parts[1::2] == [first, second]
    chapter.write(chapter.page, parts[0] + second + parts[2] + first + parts[4])
    return [places[1], f"the cell '{first}' runs before '{second}'"]


@mutation("page: a cell twice")
def twice(chapter):
    slug = chapter.slugs()[0]
    line = chapter.add_prose("```cell", f"{chapter.name}#{slug}", "```")
    return [f"{chapter.page}:{line}", f"the cell '{slug}' is shown twice"]


@mutation("page: a cell that stays hidden")
def show_hidden(chapter):
    slug = chapter.add_cell('A hidden check tags=["remove-cell"]', "assert True", [])
    chapter.embed(slug)
    return [chapter.fence(slug), f"the cell '{slug}' is tagged remove-cell"]


@mutation("page: a cell fence without a cell")
def empty_fence(chapter):
    line = chapter.add_prose("```cell", chapter.name, "```")
    return [f"{chapter.page}:{line}", "a cell fence holds one line"]


@mutation("page: a code fence never closed")
def open_fence(chapter):
    line = chapter.add_prose("```python", "x = 1")
    return [f"{chapter.page}:{line}", "the fence ``` is never closed"]


@mutation("page: a cell fence never closed")
def open_cell_fence(chapter):
    slug = chapter.add_cell("The last cell", "1 + 1", ["= 2"])
    line = chapter.add_prose("```cell", f"{chapter.name}#{slug}")
    return [f"{chapter.page}:{line}", "the fence ``` is never closed", chapter.cell(slug)]


@mutation("page: not UTF-8")
def latin_page(chapter):
    line = chapter.add_prose("Café")
    path = chapter.root / chapter.page
    path.write_bytes(path.read_bytes().replace("Café".encode(), "Café".encode("latin-1")))
    return [f"{chapter.page}:{line}", "UTF-8"]


def titled(title, message="the word is here, and more", tags=' tags=["raises-exception"]'):
    """A box of this title, around a new cell that raises a message; the line of the title, and the cell."""

    def write(chapter):
        raises = (f'raise ValueError("{message}")', ["x statement 1", f"x ValueError: {message}"])
        slug = chapter.add_cell(f"An error in a box{tags}", *(raises if tags else ("1 + 1", ["= 2"])))
        line = chapter.add_prose(f'??? failure "{title}"', "", "    ```cell", f"    {chapter.name}#{slug}", "    ```")
        return line, slug

    return write


@mutation("page: a word of an error's title")
def other_title(chapter):
    line, slug = titled("the ward is here, …")(chapter)
    said = f"is not what the cell '{slug}' raises: ValueError: the word is here, and more"
    return [f'{chapter.page}:{line}: the title "the ward is here, …" {said}', "write ??? failure"]


@mutation("page: an error's title cut without a gap")
def cut_title(chapter):
    line, _ = titled("the word is here,")(chapter)
    return [
        f'{chapter.page}:{line}: the title "the word is here," is not what',
        '??? failure "the word is here, and more"',
    ]


@mutation("page: an error's title over a cell that raises nothing")
def idle_title(chapter):
    line, _ = titled("the word is here", tags="")(chapter)
    return [f"{chapter.page}:{line}", "has no cell inside that raises what its title says"]


@mutation("overview: a false proof")
def false_overview(chapter):
    slug, overview = chapter.slugs()[0], f"docs/{chapter.name}-overview.md"
    chapter.write(overview, f"# Home\n\n```cell\n{chapter.name}#{slug}\n```\n\n`1 + 1 == 3`{{.proof}}\n")
    return [f"{overview}:7", "is False: left is 2, right is 3"]


@mutation("overview: a cell that does not exist")
def missing_in_overview(chapter):
    slug, overview = chapter.slugs()[0], f"docs/{chapter.name}-overview.md"
    chapter.write(overview, f"# Home\n\n```cell\n{chapter.name}#{slug[:-1]}\n```\n")
    return [f"{overview}:3", f"did you mean '{slug}'?"]


# --- the claims -----------------------------------------------------------------------------------------------------


def plain(text):
    """The text with single spaces: MkDocs wraps lines where it is told a width."""
    return " ".join(text.split())


def says(report, words):
    pattern = words if isinstance(words, re.Pattern) else re.compile(re.escape(plain(words)) + r"(?!\d)")
    return pattern.search(report)


def said_about(chapter, report):
    """The problems of a report that name the chapter."""
    parts = re.split(r"(?<!\S)(?=(?:snippets|docs)/\S+?:\d+: )", plain(report))
    return " ".join(part for part in parts if chapter.name in part)


def complaint(command, done, said, expected):
    """What is wrong with the outcome of a command that had to fail; empty when nothing is."""
    if done.returncode != 1:
        return f"`{command}` exits {done.returncode}"
    if "Traceback (most recent call last)" in done.stdout:
        return f"`{command}` crashes"
    if unsaid := [words for words in expected if not says(said, words)]:
        return f"`{command}` does not say {unsaid}"
    if command != "pytest" and len(re.findall(r"torchproof: \d+ problem", plain(done.stdout))) != 1:
        return f"`{command}` does not say everything in one report"
    return ""


def told(expected, command):
    """What a report on many chapters says of each: two commands say the way out once, and pytest with each."""
    return [words for words in expected if command == "pytest" or not str(words).startswith(ACCEPT)]


FLAGS = ["-q", "--strict", "--no-strict", "-q --strict", "-q --no-strict"]


def test_the_chapter_as_committed_passes_every_command(chapter, workshop):
    prepare(chapter, workshop)
    commands = [*COMMANDS, "mkdocs build -q --strict"]

    done = {command: chapter.run(*command.split()) for command in commands}

    assert not any(result.returncode for result in done.values()), "\n".join(r.stdout for r in done.values())


@pytest.fixture(scope="module")
def reports(workshop):
    """The ruined copies, what must be said of each, and what each command says of all."""
    site = fresh(workshop)
    copies, expected = ruin(site, workshop[1], MUTATIONS)
    prepare(site, workshop)
    return copies, expected, {command: site.run(*command.split()) for command in COMMANDS}


@pytest.mark.parametrize("claim", MUTATIONS)
def test_check_build_and_tests_all_report(reports, claim):
    copies, expected, done = reports

    said = {command: said_about(copies[claim], result.stdout) for command, result in done.items()}
    wrong = [complaint(command, done[command], said[command], told(expected[claim], command)) for command in COMMANDS]

    assert not any(wrong), "\n".join([*filter(None, wrong), *said.values()])


@pytest.mark.parametrize("command", COMMANDS)
def test_beside_the_ruined_ones_a_whole_chapter_is_no_problem_and_the_way_out_is_told(reports, workshop, command):
    printed = plain(reports[2][command].stdout)

    assert not re.search(rf"(snippets|docs)/{workshop[1]}\.\S+:\d+: ", printed)
    assert command == "pytest" or printed.count(f"If the new output is right: {ACCEPT} (then read the diff") == 1


@pytest.fixture(scope="module")
def several(workshop):
    """A site with a drift, a cell that raises, a page wrong before anything runs, and one found wrong by its text."""
    site = fresh(workshop)
    claims = [
        "transcript: a digit of a shown value changed",
        "page: a cell that does not exist",
        "page: a proof broken over two lines",
        "snippet: a cell raises",
    ]
    copies, expected = ruin(site, workshop[1], claims)
    prepare(site, workshop)
    return site, copies, expected


@pytest.mark.parametrize("flags", FLAGS)
def test_no_flag_of_mkdocs_makes_it_pass(several, flags):
    site, copies, expected = several

    done = site.run(*f"mkdocs build {flags}".split())
    wrong = [
        complaint(flags, done, said_about(copy, done.stdout), told(expected[claim], "mkdocs build"))
        for claim, copy in copies.items()
    ]

    assert not any(wrong), "\n".join([*filter(None, wrong), done.stdout])


@pytest.mark.parametrize(
    ("claim", "command"),
    [
        ("snippet: a cell prints more", "torchproof check"),
        ("snippet: a cell raises", "mkdocs build"),
        ("page: a proof turned into its opposite", "pytest"),
    ],
)
def test_ci_which_reads_no_cache_reports_the_same(chapter, claim, command):
    expected = MUTATIONS[claim](chapter)

    done = chapter.run(*command.split(), CI="true")

    assert not complaint(command, done, plain(done.stdout), expected), done.stdout


EDITS = {
    "number changed": lambda line: [re.sub(r"\d+", lambda m: more(m[0]), line, count=1)],
    "word changed": lambda line: [re.sub(r"[A-Za-z]+", lambda m: other(m[0]), line, count=1)],
    "deleted": lambda _: [],
    "doubled": lambda line: [line, line],
}


@pytest.mark.parametrize("edit", EDITS)
def test_no_line_of_a_transcript_escapes(chapter, workshop, edit):
    site, runner = Site.read(chapter.root), workshop[2]
    assert check_chapter(site, runner, chapter.name).problems == []
    lines = chapter.lines(chapter.transcript)[:-1]
    volatile = {cell.slug for cell in site.snippets[chapter.name].cells if cell.is_volatile}
    missed = []
    slug = ""

    for index, line in enumerate(lines):
        slug = line[3:] if line.startswith("%% ") else slug
        new = EDITS[edit](line)
        if new == [line] or (edit == "number changed" and slug in volatile and not line.startswith(("~", "%%"))):
            continue
        chapter.write(chapter.transcript, "\n".join([*lines[:index], *new, *lines[index + 1 :], ""]))
        found = check_chapter(site, runner, chapter.name).problems
        inside = index > 1 and line and not line.startswith("%% ")
        place = chapter.cell(slug) if inside else ""
        if not any(p.acceptable and f"{p.path}:{p.line}".startswith(place) for p in found):
            missed.append(f"{chapter.transcript}:{index + 1}: {line}")

    assert missed == []


def kinds_of_lines(path):
    """What a transcript's lines begin with; of pictures the first word too, and of tensors that of each column."""
    found = set()
    for line in path.read_text(encoding="utf-8").split("\n"):
        columns = re.split(" {2,}", line)[1:] if line.startswith("~") else [line[2:]] if line.startswith("#") else []
        found |= {re.match(r"@ +\W?|.?", line)[0], *(line[0] + re.match("[A-Za-z_]*", part)[0] for part in columns)}
    return found


FILES = sorted(path for folder in ("snippets", "docs") for path in ROOT.glob(f"{folder}/**/*.cpu.txt"))
FILES = FILES if NIGHTLY else holding_all({path: kinds_of_lines(path) for path in FILES})
FILES = [path.relative_to(ROOT).as_posix() for path in FILES]
"""Transcripts that together hold every kind of line; all of them each night."""


@pytest.mark.parametrize("file", FILES)
def test_no_character_of_a_transcript_escapes(file, monkeypatch):
    monkeypatch.setattr(transcript, "is_canonical", lambda: True)
    text = (ROOT / file).read_text(encoding="utf-8")
    folder, _, name = file.removesuffix(".cpu.txt").partition("/")
    snippet = read_snippet(ROOT, name, is_walkthrough=folder == "docs")
    committed = transcript.parse(text)
    ran = {slug: block.lines for slug, block in committed.cells.items() if not snippet.cell(slug).is_volatile}
    versions = committed.provenance(snippet, "cpu")
    draw = random.Random(0)
    masked = volatile(text, snippet)
    open_ = [i for i in range(len(text)) if not any(start <= i < end for start, end in masked)]
    places = draw.sample(open_, min(500 if NIGHTLY else 100, len(open_)))

    changed = [text[:i] + new + text[i + 1 :] for i in places for new in ("", "?", text[i] * 2)]
    missed = [new for new in changed if transcript.merge(new, snippet, ran, versions) == new]

    assert transcript.merge(text, snippet, ran, versions) == text
    assert [new for new in missed if any_torch(new) != any_torch(text)] == []


def volatile(text, snippet):
    """Where the lines of volatile cells begin and end: their digits may change."""
    blocks = re.finditer(r"^%% (\S+)\n(.*?)(?=^%% |\Z)", text, re.M | re.S)
    return [block.span(2) for block in blocks if (cell := snippet.cell(block[1])) and cell.is_volatile]


def any_torch(text):
    """The text whatever version of torch its first line names."""
    return re.sub(r"\A(.* · torch )\d+\.[\d.]+$", r"\1", text, count=1, flags=re.M)
