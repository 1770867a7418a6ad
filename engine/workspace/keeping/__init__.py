"""What is kept and what goes: retention, holds, erasure, backups."""
