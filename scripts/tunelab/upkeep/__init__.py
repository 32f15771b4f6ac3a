"""What people's tools do beside the workflow: plan, verify, tidy, compare clones, write the schemas.

A stage must never know it.
"""
