"""What everything is about, as frozen dataclasses: cells, pages, runs, problems, devices, drawings.

This room imports nothing of the engine's and reads no file; every other room may import it.
"""
