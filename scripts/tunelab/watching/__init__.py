"""What people see of a study while it runs: which jobs are at work, what they say, and how long it will take.

It reads what jobs leave anyway, and must never change what they do; no stage knows it.
"""
