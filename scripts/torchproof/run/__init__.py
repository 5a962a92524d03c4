"""What cells do: the host's side, the zygote, the session and what it observes.

This room knows `model` and the files; nothing of pages, transcripts or HTML. Inside a session it needs the standard
library, and torch, numpy and matplotlib only where a cell does, so any machine with a GPU can record.
"""
