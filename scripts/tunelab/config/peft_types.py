"""PEFT's adapter types by their kind, as names alone, so that light stages need not import PEFT."""

# a learnt prompt or key-value prefix; all other types change layers
PROMPT_LEARNING = frozenset({"PREFIX_TUNING", "PROMPT_TUNING", "P_TUNING", "CARTRIDGE"})
# types that only change weights, the same for every token, and can be unmerged
WEIGHT_CHANGES = frozenset(
    {
        "LORA",
        "ADALORA",
        "LOHA",
        "LOKR",
        "IA3",
        "OFT",
        "BOFT",
        "VERA",
        "FOURIERFT",
        "HRA",
        "VBLORA",
        "RANDLORA",
        "MISS",
        "SHIRA",
        "ROAD",
        "C3A",
    }
)
# values of `init_lora_weights` that take parts out of the base; `pissa_niter_4` is a kind of pissa
CHANGES_BASE = ("pissa", "olora")
