"""Questions that belong to no task: each of a kind of its own, with one sure short answer."""

from __future__ import annotations

from hammerstone.types import Instance, Source

__all__ = ["ONE_OFFS"]

_QUESTIONS = {
    "How many centimeters are 2.5 meters? Answer with the number alone.": "250",
    "What is the capital of Australia? Answer with the name of the city alone.": "Canberra",
    "How many times does the letter r occur in the word strawberry? Answer with the number alone.": "3",
    "What is the German word for bread? Answer with one word.": "Brot",
    "A ticket costs 12 euros and children pay half. What do two adults and three children pay together, in euros? "
    "Answer with the number alone.": "42",
    "What is the chemical symbol of iron? Answer with the symbol alone.": "Fe",
    "Write the number 2024 in Roman numerals. Answer with the numeral alone.": "MMXXIV",
    "Which day of the week comes three days after Saturday? Answer with the name of the day.": "Tuesday",
    "What is the plural of the English word mouse, the animal? Answer with one word.": "mice",
    "Write the decimal number 10 in binary. Answer with the digits alone.": "1010",
    "Which planet of our solar system is the nearest to the Sun? Answer with its name alone.": "Mercury",
    "What does the word level become when it is spelled backwards? Answer with one word.": "level",
}

ONE_OFFS = tuple(
    Instance(question=question, answer=answer, source=Source.CALLER) for question, answer in _QUESTIONS.items()
)
