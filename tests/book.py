"""The book as it is on disk, read once for all tests of a process: reading it takes three seconds of CPU time."""

from conftest import ROOT
from torchproof.compare.site import Site

SITE = Site.read(ROOT)
