"""What an answer is worth, by the same functions whether it is rewarded in training or scored afterwards.

It never knows which run gave the answer, and never loads a model.
"""
