"""The closed loop from Python, offline: the demonstration's stream on its recorded completions."""

import sys
import tempfile
from collections import Counter

import hammerstone
from hammerstone.environment import recordings
from hammerstone.evals.traffic import demo_stream

# A folder for the tools and instances; `postgresql://...` works too.
home = sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="hammerstone-")

with hammerstone.open_blocking(
    home,
    maker=f"recorded:{recordings('demo')}",  # live: "anthropic:...", with user="openai:..."
    settings=hammerstone.Settings(
        loop=hammerstone.LoopSettings(concurrency=1, background=False)  # so that a replay repeats exactly
    ),
) as loop:
    routes = Counter(answered.route for answered in loop.stream(demo_stream()))
    print(", ".join(f"{route}: {count}" for route, count in sorted(routes.items())))

with hammerstone.open_blocking(home) as loop:  # no model at all: only what a tool is sure of
    answered = loop.solve("Sort the following words alphabetically: List: plum fig apple")
    print(answered.route, "|", answered.answer)
    answered = loop.solve("Sort the following words in descending order: List: plum fig apple")
    print(answered.route, "|", answered.error)
