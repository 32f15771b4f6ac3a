"""Where models and data sets come from: the package index, the Hub, the user's disk, or a seed.

`models` and `tables` fetch any of them and write the card; the other modules each know one kind of source. It never
knows what the rows are for.
"""
