"""PEFT's adapter types by what can be done with them; names only, so that light stages can ask."""

# a learnt prompt or key-value prefix; everything else changes the layers
PROMPT_LEARNING = frozenset({"PREFIX_TUNING", "PROMPT_TUNING", "P_TUNING", "CARTRIDGE"})
# types that ask for more than settings: task ids, several trained adapters, a prompt of tokens
UNSUPPORTED = frozenset({"CPT", "MULTITASK_PROMPT_TUNING", "POLY", "XLORA"})
