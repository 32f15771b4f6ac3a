"""The one exception that stands for a mistake of the user, shown as a sentence and never as a traceback."""


class UserError(Exception):
    """Say what is wrong, where (config key, or file and row), with which value, and how to mend it."""
