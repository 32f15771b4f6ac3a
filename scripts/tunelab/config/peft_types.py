"""PEFT's adapter types by what can be done with them; names only, so that light stages can ask."""

# a learnt prompt or key-value prefix; everything else changes the layers
PROMPT_LEARNING = frozenset({"PREFIX_TUNING", "PROMPT_TUNING", "P_TUNING", "CARTRIDGE"})
# types that do no more than change weights, each token being treated alike, and that take the change back when unmerged
WEIGHT_CHANGES = frozenset(
    {
        *("LORA", "ADALORA", "LOHA", "LOKR", "IA3", "OFT", "BOFT", "VERA", "FOURIERFT", "HRA", "VBLORA", "RANDLORA"),
        *("MISS", "SHIRA", "ROAD", "C3A"),
    }
)
# LoRA's starts that take parts out of the base; `pissa_niter_4` is a kind of pissa
CHANGES_BASE = ("pissa", "olora")
