"""The fields of each format of rows, which `prepare.columns` may map and the data stage reads."""

FIELDS = {
    "instruction": ("instruction", "input", "output"),
    "question_answer": ("question", "answer"),
    "prompt_completion": ("prompt", "completion"),
    "messages": ("messages", "tools"),
    "sharegpt": ("conversations", "system", "tools"),
    "gsm8k": ("question", "answer"),
    "maths": ("question", "answer"),
    "text": ("text",),
    "preference": ("prompt", "input", "chosen", "rejected", "completion", "label", "system"),
}
# formats whose answers are numbers, which rewards and scores check, and how to say what is asked for
CHECKABLE = ("gsm8k", "maths")
NO_NUMBERS = "has no numbers to check; those of format gsm8k (worked steps, then #### 18) and maths (18 alone) have"
# of preferences, the fields of two answers to a question, and those of one that is judged by itself
PAIRED, LABELLED = ("chosen", "rejected"), ("completion", "label")
