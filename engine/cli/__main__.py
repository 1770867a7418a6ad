"""`python -m engine.cli`: the command without its script, as the demo starts its gateways."""

from engine.cli import main

main()
