"""The library behind the workflow: config, data, models, training, evaluation, statistics and reports.

Its packages, called rooms, follow the data from `config` to `reporting`; a room imports only rooms that are before it
in the layers of pyproject.toml. Only four places deal with Snakemake: `jobs.job` runs a stage for it,
`jobs.snakemake_internals` goes beyond its documented interface, `watching` reads its messages, and `upkeep.dry_run`
plans with it.
"""
