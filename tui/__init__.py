"""The terminal UI: screens over what `engine.workspace` offers, and nothing else.

    app        the modes, the keys, the 4 Hz poll
    screens/   one file per mode; a screen arranges widgets and passes messages between them
    widgets/   one file per widget; Line API, so that a table of a million rows costs what its visible rows cost
    state/     view models: what stands on the screen, as text and roles, without any widget library

INVARIANT: what was not checked never looks good, nothing is told by colour alone, and no screen writes: what is done
to policies is asked of the engine.
"""
