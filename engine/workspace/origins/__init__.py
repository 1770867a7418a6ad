"""Where the log of a workspace goes on: in the log of the next origin, after a restore or a new key."""
