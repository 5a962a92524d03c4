"""Torchproof: run the cells that pages show, compare what happened with what is committed, fail on drift.

The path of one cell:

    snippets/x.py ─read→ Cell ──┐
    docs/x.md ──read→ Embed, Proof, Fence ─ Site.job → Job ─JSON→ zygote ─fork→ session: runs the cell, looks at its
                                                              tensors, evaluates what the page claims below it
    x.cpu.txt ──compare.transcript→ lines ──┐                     │
                                            ├─ compare.check ←─ Run (CellRun: outputs, facts, figures, measured)
                                            │
                                  ChapterCheck: problems, merged transcript ─accept→ x.cpu.txt
                                            │
                              show.page → Card: HTML ─builders→ MkDocs, Zensical, mkdocs-jupyter, .ipynb, .py

Rooms, each knowing only those to its left: `model`, `files` ← `read`, `run` ← `compare` ← `show` ← `builders` ←
the doors `cli`, `pytest_plugin`, `reports`.
"""
