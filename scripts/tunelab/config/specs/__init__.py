"""The sections of the config: closed, frozen models, each of which holds what one stage depends on."""
