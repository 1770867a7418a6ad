"""The audit log of a workspace: kept, checked, searched, shown, exported, shipped."""
