"""Run jobs, or answer from the cache."""

import os
from pathlib import Path
from types import TracebackType

from ..files import settings, sweep
from ..model.runs import Job, Run
from .again import Again
from .cache import Cache, key_of
from .cluster import Cluster
from .host import Zygote

__all__ = ["Runner"]


class Runner:
    """Runs jobs in one zygote, or on a cluster; safe to use from several threads; a context manager."""

    def __init__(
        self, root: Path, *, other: bool = False, cached: bool | None = None, scheduler: str | None = None
    ) -> None:
        """`other` is the second run of an accept: another zygote, another hash seed, no cache.

        `scheduler` is the address of a Dask cluster to run sessions on, by default `$TORCHPROOF_SCHEDULER`; else they
        run here.
        `cached` says whether runs are answered from the cache; by default unless `CI` is set. They are kept there
        always, so that a run that does not ask the cache also mends it.
        """
        sweep()
        self.cache = Cache(root)
        self.reads = not os.environ.get("CI") if cached is None else cached
        self.writes = not other
        self.kept: dict[str, str] | None = None
        """What was run, as the cache keeps it, where somebody wants to hand it on."""
        address, limits = scheduler or os.environ.get("TORCHPROOF_SCHEDULER"), (root, settings(root).time_limit)
        self.zygote = Cluster(address, *limits, other=other) if address else Zygote(*limits, other=other)
        """Where sessions run."""
        self.again: Again | None = None
        """What runs edited cells again, on a server."""

    def run(self, job: Job) -> Run:
        """Run a job, or answer from the cache; what a device does is never answered from it."""
        run = self._run(job)
        if self.kept is not None:
            self.kept[key_of(job)] = self.cache.entry(key_of(job), run)
        return run

    def _run(self, job: Job) -> Run:
        is_cpu = job.device == "cpu"
        if self.reads and is_cpu and (run := self.cache.load(job)):
            if self.again:
                self.again.note(job)
            return run
        run = (self.again or self.zygote).run(job)
        if self.writes and is_cpu and not run.died and not _surprising(job, run):
            self.cache.save(job, run)
        return run

    def serve(self) -> None:
        """Expect the same chapters again and again, with edits, where sessions run here."""
        if isinstance(self.zygote, Zygote):
            self.again = Again(self.zygote, self.cache)

    def provenance(self, device: str) -> dict[str, str]:
        """Where sessions of a device run.

        Raises:
            LookupError: the device is not here; says why.
        """
        run = self.zygote.run(Job("", "", (), device))
        if run.died:
            raise LookupError(str(run.died))
        return run.provenance

    def __enter__(self) -> "Runner":
        return self

    def __exit__(self, kind: type | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    def close(self) -> None:
        """Stop every session, and the zygote."""
        if self.again:
            self.again.close()
        self.zygote.close()


def _surprising(job: Job, run: Run) -> bool:
    """Whether a cell raised that must not: that may be this machine's doing, a full disk say, and over soon."""
    return any(run.cells[step.slug].error and not step.must_raise for step in job.steps if step.slug in run.cells)
