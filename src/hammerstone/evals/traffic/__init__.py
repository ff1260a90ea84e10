"""Streams of requests: that of the demo, and generated traffic with everything that real traffic has."""

from hammerstone.evals.traffic.demo_stream import DEMO_TASKS, StreamItem, demo_stream, new_questions, stream_items
from hammerstone.evals.traffic.mixed_traffic import TrafficItem, TrafficKind, generate_traffic

__all__ = [
    "DEMO_TASKS",
    "StreamItem",
    "TrafficItem",
    "TrafficKind",
    "demo_stream",
    "generate_traffic",
    "new_questions",
    "stream_items",
]
