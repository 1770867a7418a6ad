"""The colours: calm on a dark ground, and loud only where somebody has to act."""

from textual.theme import Theme

NIGHT = Theme(
    name="lading-night",
    dark=True,
    primary="#7fb3d9",
    secondary="#9aa7b5",
    accent="#7fb3d9",
    success="#8ec58a",
    warning="#e6b866",
    error="#f07d74",
    foreground="#d6dce3",
    background="#0f1419",
    surface="#161d24",
    panel="#24303b",
    variables={
        "muted": "#8494a4",
        "string": "#d0b98a",
        "annotation": "#b5a3d6",
        "type": "#86c3bb",
        "input-cursor-background": "#7fb3d9",
        "input-cursor-foreground": "#0f1419",
        "input-selection-background": "#7fb3d9 35%",
    },
)
