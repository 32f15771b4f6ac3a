"""Show a running study: which jobs run, what they report, and how long it will take.

It reads the files and logs that jobs write anyway. It must never change what jobs do, and no stage imports it.
"""
