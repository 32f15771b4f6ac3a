"""Read what other evaluation tools wrote about every item, each tool's files in one module, told apart by content.

It must never know what logs are compared for, nor load a heavy library: a file that needs a package names it.
"""
