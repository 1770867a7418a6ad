"""Widgets and screens that leave methods to their subclasses."""

from abc import ABCMeta

from textual.message_pump import _MessagePumpMeta  # Textual has no public name for it


class Abstract(_MessagePumpMeta, ABCMeta):
    """The class of widgets and screens that have abstract methods: only a subclass that has them all can be made."""
