"""From measured items to estimates, tests and verdicts, all of which end in `results.json`.

It never knows how a run is called or coloured, or in which language its numbers will be read.
"""
