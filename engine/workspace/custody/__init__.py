"""Custody in a workspace: what was received, what is handed on, and what proves it."""
