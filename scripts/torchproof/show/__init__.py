"""What readers see, as strings of HTML and Markdown: a page's cells, X-ray, drawings, counts.

Pure functions of what was read, run and compared; this room knows no Markdown renderer and no builder.
"""
