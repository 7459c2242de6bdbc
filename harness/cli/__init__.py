"""The command line: strings in, exit codes out."""


def main() -> None:
    """Run the command line."""
    from harness.cli.app import main as run

    run()


__all__ = ["main"]
