"""Policies in a workspace: what was decided, why, what decides, and how that changes."""
