"""The administration over HTTP, below `/admin`."""

from hammerstone.server.admin.api import AdminApi

__all__ = ["AdminApi"]
