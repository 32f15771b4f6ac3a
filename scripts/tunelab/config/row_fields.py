"""The fields of each format of rows, which `prepare.columns` may map and the data stage reads."""

FIELDS = {
    "instruction": ("instruction", "input", "output"),
    "question_answer": ("question", "answer"),
    "prompt_completion": ("prompt", "completion"),
    "messages": ("messages", "tools"),
    "sharegpt": ("conversations", "system", "tools"),
    "gsm8k": ("question", "answer"),
    "preference": ("prompt", "input", "chosen", "rejected", "completion", "label", "system"),
}
# of preferences, the fields of two answers to a question, and those of one that is judged by itself
PAIRED, LABELLED = ("chosen", "rejected"), ("completion", "label")
