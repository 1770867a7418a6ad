"""`lading completion`: shell completion scripts."""

import click
from click.shell_completion import get_completion_class

from engine.cli.command import Session, verb


@click.command(
    epilog="""\b
Examples:
  eval "$(lading completion bash)"
  lading completion fish > ~/.config/fish/completions/lading.fish
"""
)
@click.argument("shell", type=click.Choice(["bash", "zsh", "fish"]))
@verb
def completion(session: Session, shell: str) -> None:
    """Print the completion script for a shell."""
    made = get_completion_class(shell)
    if made is None:
        raise click.UsageError(f"no completion for {shell}")
    script = made(click.get_current_context().find_root().command, {}, "lading", "_LADING_COMPLETE").source()
    session.show({"shell": shell, "script": script}, lambda r: str(r["script"]))
