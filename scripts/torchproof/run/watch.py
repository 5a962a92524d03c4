"""Watch: whether rights of a project's files may have changed since somebody looked, in place of looking each time.

Linux tells of changes in folders (inotify), so that a session costs the same in a project of a thousand chapters.
Elsewhere, and where the system has no room for more of it, there is always news.
"""

import ctypes
import os
import sys
import threading
from pathlib import Path

from ..files import fingerprints, settings

__all__ = ["Watch"]

CHANGES = 0x004 | 0x040 | 0x080 | 0x100 | 0x200
"""Rights or owner of a file in the folder changed; one was moved away, moved in, made or removed."""


class Watch:
    """The rights of a project's files, looked at when there is news; safe to use from several threads."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.lock = threading.Lock()
        self.news = -1
        """A descriptor that tells of changes; -1 where the system gives none."""
        self.seen: dict[str, tuple[int, ...]] | None = None

    def rights(self) -> dict[str, tuple[int, ...]]:
        """What `fingerprints` says now of the files' rights."""
        with self.lock:
            if self.seen is None or self._is_news():
                is_heard = self._follow()  # before the look: what comes after it is news
                found = fingerprints(self.root, rights=True)
                self.seen = found if is_heard else None
                return found
            return self.seen

    def close(self) -> None:
        """Stop listening."""
        with self.lock:
            if self.news >= 0:
                os.close(self.news)
            self.news, self.seen = -1, None

    def _is_news(self) -> bool:
        try:
            return bool(os.read(self.news, 1 << 16))
        except BlockingIOError:
            return False

    def _follow(self) -> bool:
        """Listen in every folder; whether all of them can be heard."""
        if sys.platform != "linux":
            return False
        system = ctypes.CDLL(None)
        if self.news < 0:
            self.news = system.inotify_init1(os.O_NONBLOCK | os.O_CLOEXEC)
        parts = [os.walk(self.root / part) for part in settings(self.root).folders]
        folders = [str(self.root), *(folder for part in parts for folder, _, _ in part)]
        return all(system.inotify_add_watch(self.news, os.fsencode(folder), CHANGES) >= 0 for folder in folders)
