"""The `raseed` command: operators' work at a terminal or in a script."""
