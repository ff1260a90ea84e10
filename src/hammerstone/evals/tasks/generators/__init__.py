"""The tasks, one file each. Every module in this folder is found by being here."""
