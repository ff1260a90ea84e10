"""Word sorting, in the form of the public BIG-Bench-Hard file."""

from __future__ import annotations

import re
from itertools import pairwise
from typing import TYPE_CHECKING

from hammerstone.evals.tasks.generated_task import LookAlike, draw_near_miss, match_form
from hammerstone.types import Instance, Source

if TYPE_CHECKING:
    import random
    from collections.abc import Callable

__all__ = ["DESCRIPTION", "FAMILIES", "NAME", "NEAR_MISSES", "check", "generate", "near_miss", "paraphrase"]

NAME = "word_sorting"
DESCRIPTION = "Sort a list of words alphabetically (by character code, as `'` and `&` come before letters)."

PREFACE = "Sort the following words alphabetically: List: "
# From 2 to 20 words, each count about as often as any other, as in the public file.
_LENGTHS = {"few words": range(2, 8), "some words": range(8, 14), "many words": range(14, 21)}
FAMILIES = tuple(_LENGTHS)

# Varied on purpose: shared beginnings, long and short, names in lower case, abbreviations, apostrophes, ampersands.
WORDS = tuple(
    """
    k c's ox uk tv mp ny dc iii usb gps nasa i'm he'd we'll isn't doesn't hadn't you'll who's let's o'brien o'hara
    o'neill q&a b&b h&m at&t m&m rock&roll ma'am y'all o'clock shan't it'd abandon abbey abbot ability able aboard
    abrupt absence absent absorb acorn acoustic acre acrobat adapt adaptation adjacent admiral advice affair affairs
    afternoon agenda airplane album alchemy algebra alligator almond alpine amber ambulance anchor anchorage ankle
    answer antenna anvil apple application approximate apron arcade archer archipelago arena armchair arrow artichoke
    artist artistic ashtray asphalt astronaut attic audience august autumn avalanche axis bacon badge badger bagpipe
    bakery balcony ballad bamboo banjo banner barber bargain barley barn barrel basin bassoon bathtub battery beacon
    beak bean bear bearing beaver beetle belfry bench beneath bicycle biography biscuit blanket blizzard blossom
    blueprint bobsled boiler bonfire bookend bottle boulder bracelet bramble brandy brass bread breadth bridge bristle
    broccoli bronze broom bubble bucket buffalo bugle bulletin bundle burrow butter butterfly cabbage cabin cable
    cactus calendar camel canal candle cannon canoe canvas canyon captain caravan carbon cargo carnival carpenter
    carpet carriage cascade cashew castle cathedral cattle caution cavern cellar cement chalk chamber chandelier
    chapel chapter charcoal chariot cherry chestnut chimney chisel chocolate chorus cider cinema cinnamon circuit
    citadel clarinet classification clay cliff climate cloak clover cobweb cocoon coffee collar comet compass
    complicated concert copper coral corridor cottage cotton counterclockwise cradle crane crater crayon cricket
    crimson crystal cupboard curious curtain cushion cylinder dagger dairy daisy dawn decade december deck decorate
    delicate delta democracy denim desert diagonal dialect diamond diary dictionary dilemma diplomat disappointment
    discovery dock dolphin domino donkey doorway dozen dragon drawer drift drizzle drum drummer dungeon dusk dynamo
    eager eagle earring earth easel echo eclipse elbow elegant elevator ember emerald engine envelope equator errand
    escort evidence exotic extraordinary fable fabric factory falcon famine fathom feather fence ferry festival fiddle
    filament fjord flagpole flannel flask flint flute foliage forge fortress fountain fragile freight frontier frost
    furnace gadget galaxy gallery garage garden garlic garnet gazelle generous geography ghost giant ginger giraffe
    glacier glimpse glory glove goblet gondola gorge gossip granite gravel grocery guitar gulf hallway hamlet hammer
    hammock harbor harness harp harvest haven hazel headline hedge helmet heron hexagon hickory hinge hollow honest
    honey horizon hornet hospitality hostel humble hurricane hyphen iceberg icicle idle igloo illustration imagine
    indigo infantry ingot inkwell insect interdisciplinary island ivory jacket jaguar jasmine jelly jewel jigsaw
    jockey journal journey jungle juniper kayak kernel kettle kidney kiln kingdom kitchen kite knapsack kneel knot
    label labyrinth lacquer ladder lagoon lantern larch latch lattice laundry lava leaflet leather ledger legend lemon
    lens leopard library lighthouse lilac linen lobster locket locomotive lumber lunar lute lyric magnet mahogany
    mandolin maple marble margin marigold market marmalade marsh mason mattress meadow melody mercury meteor
    microscope midnight mileage mineral minstrel mirror misunderstanding mitten monsoon moss mosaic mosquito motor
    mountain muffin mulberry museum mustard narrow nectar needle nephew nettle nickel nocturnal notebook nougat novel
    nutmeg oasis obelisk observatory ocean october olive onion opal orbit orchard orchestra organ orient origami
    ornament oyster paddle pagoda palace pancake panther paprika parade parcel parish parrot pasture patent peacock
    pebble pelican pendulum peninsula pepper perfume permission phantom photosynthesis piano pickle picnic pigeon
    pillow pilot pioneer pistachio planet plank plateau plaza plough plumber pocket poem pollen pond porcelain
    porridge postage potato prairie pretzel prism proof propeller prophet pudding puddle pulley pumpkin puppet pyramid
    quarry quartz quay quill quilt rabbit radish raft railway raisin ranch raven razor recipe reef reflection
    refrigerator remote responsibility rhubarb rhythm ribbon riddle ridge ritual river rocket rope rosemary rotate
    rubber ruby rudder rustic saddle saffron sailor salmon sandal sapphire satchel saucer savanna scaffold scarf
    scholar scissors scooter scroll sculptor season seaweed seed sequel shadow shelter shepherd shield shovel shutter
    silk silver skeleton sketch sleigh slope smoke snail snorkel socket sofa solstice sonnet sorrow spade sparrow
    spice spindle spiral sponge spruce squirrel stable stadium staircase statue steam steeple stencil stirrup
    straightforward strand stream stretch stubborn sugar sulfur summit sundial swallow sweater swift syllable symphony
    syrup tablet tailor talon tambourine tangle tapestry tavern teapot telescope temple tenor terrace thaw theater
    thermometer thicket thimble thistle thunder thunderstorm tide timber tinsel toast tobacco toffee tomato topaz
    torch tornado tortoise tower trapeze treasure triangle trombone trophy trumpet tulip tundra tunnel turban turnip
    turtle twilight umbrella unicorn unprecedented uphill urgent utensil vacuum valley vanilla varnish vault velvet
    veranda vessel village vinegar violet violin volcano voyage waffle wagon walnut walrus wander warehouse waterfall
    weasel weave whale wharf wheel whisker whistle willow windmill window winter wisdom wizard wolf wonder woodpecker
    wrench wrinkle yacht yarn yawn yeast yogurt zebra zenith zigzag zinc zipper amsterdam athens bertha boris bolivia
    brazil cairo chopin cordelia darwin delhi denmark einstein felix fiona galileo geneva gertrude hamburg heidi
    ingrid istanbul jakarta jerome kepler kyoto leonardo lisbon madrid magellan matilda milton mozart nairobi napoleon
    newton norway oscar oslo ottawa pascal peru prague quentin quito ravenna rembrandt rosalind seoul sylvia
    tchaikovsky texas titus tokyo ulrich ursula utah venus vermeer vienna wagner walter wyoming xavier yolanda
    yorkshire zurich
    """.split()
)


def generate(rng: random.Random, family: str | None = None) -> Instance:
    words = rng.sample(WORDS, rng.choice(_LENGTHS[family or rng.choice(FAMILIES)]))
    return Instance(question=PREFACE + " ".join(words), answer=" ".join(sorted(words)), source=Source.CALLER)


_FORM = re.compile(re.escape(PREFACE) + r"([a-z'&]+(?: [a-z'&]+)*)")


def check(question: str, answer: str) -> bool:
    """Right if it is made of the question's words, and each word comes no later than the next."""
    given = match_form(_FORM, question, NAME)[1].split(" ")
    for word in answer.split(" "):
        if word not in given:
            return False
        given.remove(word)
    return not given and all(word <= following for word, following in pairwise(answer.split(" ")))


_WORDINGS = (
    "Could you put these words into alphabetical order for me? {}. Answer with the words separated by single spaces.",
    "For the index of a booklet I need these entries from A to Z: {}. "
    "Write them on one line with one space between words and nothing else.",
    "In which order would a dictionary list {}? Reply with the words only, a space between each and the next.",
)


def paraphrase(instance: Instance, rng: random.Random) -> Instance:
    words = match_form(_FORM, instance.question, NAME)[1].split(" ")
    question = rng.choice(_WORDINGS).format(", ".join(words))
    return Instance(question=question, answer=instance.answer, source=instance.source)


# Look-alikes: another instruction about the same words.


def _some(rng: random.Random) -> list[str]:
    return rng.sample(WORDS, rng.randint(3, 12))


def _some_twice(rng: random.Random) -> list[str]:
    words = _some(rng)
    return rng.sample([*words, *words[:2]], len(words) + 2)


def _of_different_endings(rng: random.Random) -> list[str]:
    return list({word[-1]: word for word in _some(rng)}.values())


def _look_alike(
    instruction: str, rule: Callable[[list[str]], list[str]], words_of: Callable[[random.Random], list[str]] = _some
) -> Callable[[random.Random], LookAlike]:
    def drawn(rng: random.Random) -> LookAlike:
        words = words_of(rng)
        return LookAlike(f"{instruction}: List: {' '.join(words)}", " ".join(rule(words)), " ".join(sorted(words)))

    return drawn


_LOOK_ALIKES = {
    "descending": _look_alike(
        "Sort the following words in descending alphabetical order", lambda words: sorted(words, reverse=True)
    ),
    "by last letter": _look_alike(
        "Sort the following words alphabetically by their last letter",
        lambda words: sorted(words, key=lambda word: word[-1]),
        _of_different_endings,
    ),
    "by length": _look_alike(
        "Sort the following words by number of characters, the shortest first, and equally long ones alphabetically",
        lambda words: sorted(words, key=lambda word: (len(word), word)),
    ),
    "without repeats": _look_alike(
        "Sort the following words alphabetically, each of them once", lambda words: sorted({*words}), _some_twice
    ),
    "spelled backwards": _look_alike(
        "Sort the following words alphabetically and spell each backwards",
        lambda words: [word[::-1] for word in sorted(words)],
    ),
}
NEAR_MISSES = tuple(_LOOK_ALIKES)


def near_miss(rng: random.Random, kind: str | None = None) -> Instance:
    return draw_near_miss(_LOOK_ALIKES, rng, kind)
