"""PEFT's adapter types by what can be done with them; names only, so that light stages can ask."""

# a learnt prompt or key-value prefix; everything else changes the layers
PROMPT_LEARNING = frozenset(
    {"PREFIX_TUNING", "PROMPT_TUNING", "P_TUNING", "CARTRIDGE", "MULTITASK_PROMPT_TUNING", "CPT"}
)
# types whose PEFT model offers merge_and_unload
MERGEABLE = frozenset(
    {
        "LORA",
        "ADALORA",
        "LOHA",
        "LOKR",
        "OFT",
        "BOFT",
        "HRA",
        "VERA",
        "FOURIERFT",
        "MISS",
        "RANDLORA",
        "IA3",
        "LN_TUNING",
    }
)
