"""The commands beside the workflow: begin a study, plan, verify, clean up, compare clones, write the schemas.

Stages must never import it.
"""
