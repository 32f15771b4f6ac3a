"""The config: what it may say (`specs`, `methods`, `formats`), how it is read, and every check of it.

It never opens the user's data, nor imports a library heavier than pydantic, so that dry runs are fast.
"""
