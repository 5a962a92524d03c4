"""What the system says of a process; nothing where it has no /proc."""

from pathlib import Path

__all__ = ["stat_of"]


def stat_of(pid: int) -> list[str]:
    """The fields of a process's `stat` from its state on (proc(5), which counts that as 3); none where it has ended."""
    try:
        return Path(f"/proc/{pid}/stat").read_text(encoding="utf-8", errors="replace").rpartition(")")[2].split()
    except OSError:
        return []
