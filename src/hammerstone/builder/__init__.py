"""The builder: from solved instances to a verified tool (LATM, section 3.1: propose, verify, wrap), and better ones."""

from hammerstone.builder.build import Maker
from hammerstone.builder.builder import Builder, OnBuild, framed

__all__ = ["Builder", "Maker", "OnBuild", "framed"]
