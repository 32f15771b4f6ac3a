"""The library behind the workflow: it knows language models and statistics, and has never heard of Snakemake.

Its rooms follow what happens to the data, from `config` to `reporting`; a room imports only rooms above it in the list
of layers in pyproject.toml. `jobs.job` is the one seam to Snakemake; every other module can be imported on its own.
"""
