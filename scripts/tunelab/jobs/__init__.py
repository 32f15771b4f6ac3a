"""What connects the library with Snakemake: what a stage depends on, where its files lie, what is kept, how it fails.

It never knows what a stage computes.
"""
