"""The config: what it may say (`specs`, `methods`, `formats`), how it is read, and every check of it.

Nothing in this room opens the user's data or imports a library heavier than pydantic, so that dry runs are fast.
"""
