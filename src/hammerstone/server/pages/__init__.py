"""The pages below `/ui`: what is saved, what is learned, and what there is to decide."""

from hammerstone.server.pages.site import Pages

__all__ = ["Pages"]
