"""What a page embeds and claims, as it was read."""

import re
from dataclasses import dataclass
from functools import cached_property

from .problems import Problem

__all__ = ["Embed", "Failure", "Fence", "Page", "Proof"]


@dataclass(frozen=True)
class Embed:
    """A fence about a cell."""

    chapter: str
    slug: str
    line: int
    nested: bool = False
    """Whether it stands indented, inside an admonition or another block."""
    is_card: bool = True
    """Whether it shows the cell; an `error` fence tells of one, and links to a cell do not lead there."""


@dataclass(frozen=True)
class Proof:
    """An expression in the prose, evaluated right after the cell embedded above it: it must be true, or is a value."""

    source: str
    line: int
    after: Embed | None
    kind: str = "proof"
    """Or `value`, where the page shows what it is."""

    def __str__(self) -> str:
        """As messages name it."""
        return f"the {self.kind} `{self.source}`"


@dataclass(frozen=True)
class Fence:
    """A fence that shows what is measured right after the cell embedded above it: a drawing, or a table."""

    kind: str
    """One of `drawings.KINDS`."""
    source: str
    line: int
    after: Embed | None

    def __str__(self) -> str:
        """As messages name it."""
        return "the table" if self.kind == "table" else f"the drawing `{self.source}`"


@dataclass(frozen=True)
class Failure:
    """A box of an error: a cell inside raises what its title says, word for word up to gaps (`…`)."""

    title: str
    """As readers see it; empty where there is none."""
    line: int
    embeds: tuple[Embed, ...]
    """Of the cells inside."""


@dataclass(frozen=True)
class Page:
    """What one Markdown file embeds and claims."""

    name: str
    """Path below the folder of pages without its suffix; a chapter's page has its snippet's name."""
    file: str
    """Its path relative to the project's root."""
    text: str
    """Its Markdown."""
    embeds: tuple[Embed, ...]
    proofs: tuple[Proof, ...]
    fences: tuple[Fence, ...] = ()
    problems: tuple[Problem, ...] = ()
    values: tuple[Proof, ...] = ()
    failures: tuple[Failure, ...] = ()

    @property
    def suffix(self) -> str:
        return self.file[self.file.rindex(".") :]

    @property
    def claims(self) -> tuple[Proof | Fence, ...]:
        """All that a session evaluates for the page."""
        return *self.proofs, *self.values, *self.fences

    @property
    def cards(self) -> list[Embed]:
        """The fences that show a cell."""
        return [embed for embed in self.embeds if embed.is_card]

    @cached_property
    def title(self) -> str:
        """Its first heading, without the attributes that may follow it, else its name."""
        lines = (line for line in self.text.split("\n") if line.startswith("# "))
        return re.sub(r" \{.*\}$", "", next(lines, self.name).removeprefix("# "))

    @property
    def short_title(self) -> str:
        """The title up to its colon: in a list, what the page is about without the names of calls."""
        return self.title.partition(":")[0]

    def place(self, chapter: str, slug: str) -> str:
        """Where this page shows a cell, as `docs/x.md:40`; empty when it does not."""
        lines = [e.line for e in self.cards if (e.chapter, e.slug) == (chapter, slug)]
        return f"{self.file}:{lines[0]}" if lines else ""
