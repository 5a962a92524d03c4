"""Torchproof: run the cells that pages show, compare what happened with what is committed, fail on drift."""
