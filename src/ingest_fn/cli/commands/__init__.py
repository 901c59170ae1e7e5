"""One file for each command of ``python -m ingest_fn``."""
