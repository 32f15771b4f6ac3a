"""Score answers, by the same functions whether they are rewarded in training or scored afterwards.

It never knows which run gave the answer, and never loads a model.
"""
