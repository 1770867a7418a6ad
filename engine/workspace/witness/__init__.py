"""Who cosigns this log, what others' logs are held against, and a witness that is nobody's partner."""
