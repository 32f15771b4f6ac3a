"""The one seam to Snakemake: what a stage depends on, where its files lie, what is kept, and how it fails.

It never knows what a stage computes.
"""
