"""Attestations: which recordings were signed, in the workflow that the project's settings name, by the run they name.

A checksum says that a recording is whole, and nothing of who wrote it. The workflow has GitHub sign what its run
recorded, and the signature lies beside the recordings. GitHub's own command line verifies it, where there is one:
a recording is never attested on its own word. One signature covers all files of a run, so mostly one call does.
"""

import json
import os
import re
import shutil
import subprocess
import tempfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from typing import Any

from ..files import digest, settings

__all__ = ["RUN", "attested", "this_run"]

RUN = re.compile(r"https://[\w.-]+/[\w.-]+/[\w.-]+/actions/runs/\d+")
"""What the first line of a recording may say of the run that made it."""

SECONDS = 60
"""What one call may take; it asks the network for the keys of the day."""


def this_run() -> dict[str, str]:
    """The workflow's run that this process is part of, as a field of a recording; nothing outside GitHub Actions."""
    if os.environ.get("GITHUB_ACTIONS") != "true":
        return {}
    server, repository, number = (os.environ[f"GITHUB_{name}"] for name in ("SERVER_URL", "REPOSITORY", "RUN_ID"))
    return {"run": f"{server}/{repository}/actions/runs/{number}"}


def attested(root: Path, device: str, texts: dict[str, str]) -> set[str]:
    """Which of these recordings of a device, by their text, are signed; the values are the runs that they name."""
    bundle, signer = root / settings(root).snippets / f"{device}.attestation.jsonl", settings(root).attested_by
    gh = shutil.which("gh")
    if not (gh and signer and texts and bundle.exists()):
        return set()
    signed: set[tuple[str, str]] = set()
    for text, run in texts.items():
        if (run, digest(text)) not in signed:
            signed |= _signed(gh, signer, bundle.read_text(encoding="utf-8"), text)
    return {text for text, run in texts.items() if (run, digest(text)) in signed}


@cache
def _signed(gh: str, signer: str, bundle: str, text: str) -> frozenset[tuple[str, str]]:
    """The runs, and digests of what each recorded, that signatures over `text` vouch for; none where it has none.

    The exit status is not enough: up to gh 2.66 it is 0, too, when there is no attestation (cli/cli#10418).
    """
    repository = "/".join(signer.removeprefix("https://").split("/")[1:3])
    with tempfile.TemporaryDirectory(prefix="torchproof-") as folder:
        subject, signatures = Path(folder, "recording.txt"), Path(folder, "signatures.jsonl")
        subject.write_text(text, encoding="utf-8", newline="\n")
        signatures.write_text(bundle, encoding="utf-8")
        command = [gh, "attestation", "verify", subject, "--bundle", signatures, "--repo", repository]
        command += ["--cert-identity", signer, "--deny-self-hosted-runners", "--format", "json"]
        try:
            done = subprocess.run(command, capture_output=True, timeout=SECONDS, check=True)
            found = {fact for result in json.loads(done.stdout) for fact in _signatures(result["verificationResult"])}
        except (OSError, subprocess.SubprocessError, ValueError, LookupError, TypeError, AttributeError):
            return frozenset()
    return frozenset((run, digest) for identity, run, digest in found if identity == signer)


def _signatures(result: dict[str, Any]) -> Iterator[tuple[str, str, str]]:
    """Who signed, in which run, what: its digests."""
    certificate = result["signature"]["certificate"]
    run = certificate["runInvocationURI"].partition("/attempts/")[0]
    for subject in result["statement"]["subject"]:
        yield certificate["subjectAlternativeName"], run, subject["digest"]["sha256"]
