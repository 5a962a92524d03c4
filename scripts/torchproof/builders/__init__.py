"""Who puts a page together: Python-Markdown with MkDocs or Zensical, mkdocs-jupyter, notebooks, scripts.

Each builder asks `show` for the parts; what they share of one build is in `build.py`.
"""
