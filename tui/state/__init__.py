"""View models: they turn facts of a workspace into lines of text with roles, and know no widget library."""
