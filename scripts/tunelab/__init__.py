"""The library behind the workflow: language models, statistics and the page; few of its modules know Snakemake.

Its rooms follow what happens to the data, from `config` to `reporting`; a room imports only rooms above it in the list
of layers in pyproject.toml. `jobs.job` is where a stage meets Snakemake, `jobs.snakemake_internals` goes beyond its
documented interface, `watching` reads its messages, and `upkeep.dry_run` plans with it.
"""
