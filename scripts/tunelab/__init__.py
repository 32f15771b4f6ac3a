"""The library behind the workflow: it knows language models and statistics, and only two of its rooms know Snakemake.

Its rooms follow what happens to the data, from `config` to `reporting`; a room imports only rooms above it in the list
of layers in pyproject.toml. `jobs.job` is where a stage meets Snakemake, `watching` reads its messages, and
`upkeep.dry_run` plans with it; every other module can be imported on its own.
"""
