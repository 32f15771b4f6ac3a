"""What may be said in the config, and every check of it.

It never knows what a file holds or what a library does: a dry run needs nothing heavier than pydantic.
"""
