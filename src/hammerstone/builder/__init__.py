"""The builder: from solved instances to a verified tool (LATM, section 3.1: propose, verify, wrap), and better ones."""

from hammerstone.builder.admission import Admission, admit
from hammerstone.builder.build import Maker
from hammerstone.builder.builder import Builder, OnBuild
from hammerstone.builder.splits import independent

__all__ = [
    "Admission",
    "Builder",
    "Maker",
    "OnBuild",
    "admit",
    "independent",
]
