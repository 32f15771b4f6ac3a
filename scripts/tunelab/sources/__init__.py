"""Where models and data sets come from: the package index, the Hub, the user's disk, or a seed.

`models` and `tables` fetch from any source and write the card; each kind of source is a module of its
own. It never knows what rows are used for.
"""
