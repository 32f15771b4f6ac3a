"""Training, one file per method, and what the methods share: arguments, costs, checkpoints, event files.

It never knows how the result compares.
"""
