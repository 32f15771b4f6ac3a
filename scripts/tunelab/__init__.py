"""The library behind the workflow: it knows language models and statistics, and has never heard of Snakemake.

`job` is the one seam to Snakemake; every other module can be imported and tested on its own.
"""
