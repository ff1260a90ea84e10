"""Who may ask, as whom, and how much."""

from hammerstone.server.access.access import Access, Caller
from hammerstone.server.access.charges import Charge
from hammerstone.server.access.credentials import credentials_for_upstream

__all__ = ["Access", "Caller", "Charge", "credentials_for_upstream"]
