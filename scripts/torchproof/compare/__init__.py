"""What differs: transcripts and recordings, the site as a whole, the check, and accepting.

This room knows files and runs; nothing of HTML, Markdown renderers or commands.
"""
