"""Prompts of the package, one Markdown file each; `hammerstone.templates` fills them."""
