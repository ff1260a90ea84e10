"""Hostile programs, shipped, so that anyone can check the sandbox on the machine that matters: their own."""

from __future__ import annotations

from hammerstone.sandbox.conformance.run import ATTACKS, PropertyFinding, run_conformance

__all__ = ["ATTACKS", "PropertyFinding", "run_conformance"]
