"""Says how far a command is: on a terminal what is done, running and slowest, and how long it may take; else lines."""

import sys
import time
from collections.abc import Callable, Iterable
from functools import partial
from types import TracebackType
from typing import Any, TextIO

__all__ = ["Progress"]


class Progress:
    """A line for each chapter, and on a terminal a bar below them while they run; a context manager.

    The bar needs rich; without it, as on a machine that only records, there are the lines.
    """

    def __init__(
        self,
        names: Iterable[str],
        seconds: dict[str, float],
        stream: TextIO | None = None,
        tell: Callable[[str], None] | None = None,
    ) -> None:
        """`seconds` is how long each chapter took when it last ran, where that is known.

        `tell` says a line where there is no terminal, if printing it does not.
        """
        self.names = list(names)
        self.seconds = seconds
        self.stream = stream or sys.stdout
        self.tell = tell or partial(print, file=self.stream, flush=True)
        self.done: dict[str, float] = {}
        self.began = time.monotonic()
        self.live = _live(self.stream, self._status) if len(self.names) > 1 else None

    def say(self, name: str, outcome: str, *, took: float = 0.0, is_quiet: bool = False) -> None:
        """A chapter is done; `is_quiet` says that on a terminal its line may be left out."""
        self.done[name] = took
        line = f"[{len(self.done)}/{len(self.names)}] {name}: {outcome}"
        if self.live is None:
            self.tell(line)
        elif not is_quiet:
            self.live.console.print(line, markup=False, highlight=False)

    def _status(self) -> str:
        """What the bar says."""
        left = [name for name in self.names if name not in self.done]
        known = sum(self.seconds.get(name, 1.0) for name in self.names) or 1.0
        share = 1 - sum(self.seconds.get(name, 1.0) for name in left) / known
        passed = time.monotonic() - self.began
        parts = [f"{len(self.done)} of {len(self.names)} chapters"]
        if share > 0.05:
            parts.append(f"about {passed / share - passed:.0f} s left")
        if self.done:
            slowest = max(self.done, key=lambda name: self.done[name])
            parts.append(f"slowest: {slowest}, {self.done[slowest]:.1f} s")
        longest = sorted(left, key=lambda name: -self.seconds.get(name, 1e9))[:2]
        return " · ".join(parts) + (f"\nrunning: {', '.join(longest)}" if longest else "")

    def __enter__(self) -> "Progress":
        if self.live is not None:
            self.live.start()
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        if self.live is not None:
            self.live.stop()


def _live(stream: TextIO, status: Callable[[], str]) -> Any:
    """What shows the bar; None where there is no terminal, or no rich."""
    if not stream.isatty():
        return None
    try:
        from rich.console import Console
        from rich.live import Live
    except ImportError:
        return None
    console = Console(file=stream)
    if console.is_dumb_terminal:
        return None
    return Live(get_renderable=status, console=console, refresh_per_second=4, transient=True)
