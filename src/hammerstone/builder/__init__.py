"""The maker: from solved instances to a verified tool (LATM, section 3.1: propose, verify, wrap)."""

from hammerstone.builder.build import Maker

__all__ = ["Maker"]
