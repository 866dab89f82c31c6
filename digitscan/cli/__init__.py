"""The commands, a file each.

What a command needs is imported inside it: `--help` and a wrong option cost nothing.
"""

from digitscan.cli.app import commands, main

__all__ = ["commands", "main"]
