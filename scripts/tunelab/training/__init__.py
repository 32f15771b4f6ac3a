"""Train by each method, a file for each, and what the methods share: the job, arguments, costs, checkpoints.

Shapes of tensors: B sequences of a batch, T tokens of the longest one, N labelled tokens, V vocabulary, H hidden size.

It never knows how the result compares.
"""
