"""A model of one's own: anything with a `name` and `complete`. This one shouts the last word of a question."""

import sys
import tempfile

import anyio

import hammerstone


class Upper:
    """Answers every question with its last word in capitals."""

    name = "upper"

    async def complete(self, prompt: hammerstone.Prompt) -> hammerstone.Reply:
        last_word = prompt.messages[-1].content.split()[-1]
        return hammerstone.Reply(text=f"Answer: {last_word.upper()}", model=self.name)


async def main(home: str) -> None:
    async with hammerstone.open_hammerstone(home, solver=Upper()) as loop:
        request = hammerstone.Request.plain(id="1", question="Say it louder: hello", task="louder")
        answered = await loop.solve(request)
        print(answered.route, "|", answered.answer)


anyio.run(main, sys.argv[1] if len(sys.argv) > 1 else tempfile.mkdtemp(prefix="hammerstone-"))
