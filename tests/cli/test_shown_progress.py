"""Progress where nobody sees a bar: a line now and then."""

from __future__ import annotations

import pytest

from hammerstone.cli.shown_progress import shown_progress, time_left


def test_without_a_terminal_a_line_is_written_every_half_minute(capsys: pytest.CaptureFixture[str]) -> None:
    now = [0.0]
    with shown_progress("annotate", "documents", clock=lambda: now[0]) as show:
        for second, done in ((10, 16), (29, 32), (31, 1248), (40, 1264), (61.5, 1280)):
            now[0] = second
            show(done, 2000, "1.6 documents/s, 8 min left")
        now[0] = 100
        show(3, None, what="svamp: base")
        now[0] = 131
        show(20, 150, "part 6 of 8", what="fine-tuning", unit="steps")
    assert capsys.readouterr().err.splitlines() == [
        "annotate: 1,248 of 2,000 documents, 1.6 documents/s, 8 min left",
        "annotate: 1,280 of 2,000 documents, 1.6 documents/s, 8 min left",
        "svamp: base: 3 documents",
        "fine-tuning: 20 of 150 steps, part 6 of 8",
    ]


@pytest.mark.parametrize(
    ("seconds", "shown"), [(None, ""), (0.4, ", 0 s left"), (89, ", 89 s left"), (600, ", 10 min left")]
)
def test_the_time_left_is_shown_in_seconds_or_minutes(seconds: float | None, shown: str) -> None:
    assert time_left(seconds) == shown
