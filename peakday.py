"""The table of commands."""


def main() -> None:
    """Run the command line."""
