"""What is on disk: snippets, pages and walk-throughs, as the dataclasses of `model`. Runs nothing, renders nothing."""
