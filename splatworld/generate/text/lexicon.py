"""What words mean, apart from things: places, light, weather, water, adjectives, relations and the small words.

Nouns of things are not here: each class of the catalogue brings its own. A row maps phrases to a meaning; phrases are
separated by commas.
"""

from splatworld.palette import COLOURS


def _rows(table: dict[str, str]) -> dict[str, str]:
    """{"a, b": meaning} from {meaning: "a, b"}."""
    return {phrase.strip(): meaning for meaning, phrases in table.items() for phrase in phrases.split(",")}


def _words(text: str) -> frozenset[str]:
    return frozenset(word.strip() for word in text.split(","))


# Nouns: their plurals are derived. "open" is land that takes its nature from season and weather. ----------------------

PLACES = _rows(
    {
        "forest": "forest, wood, woods, woodland, grove, copse, glade, clearing, pinewood, jungle, rainforest, taiga, "
        "thicket of trees",
        "meadow": "meadow, pasture, grassland, garden, park, prairie, orchard, lawn, heath, moor, savanna, savannah, "
        "flower field, wheat field, grassy field, swamp, marsh",
        "open": "plain, field, steppe, landscape, countryside, land, wasteland, scenery, fields of flowers",
        "mountain": "mountain, mountainside, peak, summit, alp, alps, mountain range, mountain pass, highland, "
        "highlands, alpine landscape",
        "desert": "desert, oasis, sahara, badlands",
        "beach": "beach, coast, seashore, seaside, shoreline, island, coastline, sandy shore",
        "snow": "tundra, snowfield, snow field, snowscape, arctic, glacier, winter wonderland, ice field",
        "village": "village, hamlet, town, settlement, farmstead, town square, village square, marketplace, market "
        "square, city",
        "interior": "room, interior, interior room, bedroom, living room, kitchen, library, library room, study, "
        "dining room, bathroom, hall, hallway, lounge, chamber, nursery, parlour, parlor, attic, cellar, studio, "
        "office, sitting room, cabin interior, indoors",
    }
)
ROOMS = {
    "bedroom": ("bed", "nightstand", "wardrobe"),
    "kitchen": ("table", "chair", "shelf", "stove"),
    "library": ("shelf", "armchair", "desk"),
    "study": ("desk", "chair", "shelf"),
    "office": ("desk", "chair", "shelf"),
    "living room": ("sofa", "coffee_table", "shelf"),
    "room": ("table", "chair", "bed", "shelf"),
}
"""Furniture of a room that names none."""
READ_AS = {
    "jungle": "the forest", "rainforest": "the forest", "city": "the village", "town": "the village",
    "island": "the beach", "swamp": "the meadow", "marsh": "the meadow", "garden": "the meadow", "park": "the meadow",
    "orchard": "the meadow", "glacier": "snow country", "bathroom": "a room", "cellar": "a room", "attic": "a room",
    "savanna": "the meadow",
}  # fmt: skip
"""Words that ask for more than there is: built as the nearest place, and told."""
LANDFORMS = _rows({
    "hills": "hill, hillside, hilltop, knoll, mound", "valley": "valley, dale, glen, gorge", "dunes": "dune, sand dune",
    "canyon": "canyon, ravine", "flat": "flatland, lowland", "mountains": "slope",
})  # fmt: skip
WATERS = _rows({
    "lake": "lake, mere, loch, lagoon, lakeside, lake shore, lakeshore, water, reservoir, bay of a lake",
    "pond": "pond, pool, puddle",
    "river": "river, riverside, riverbank, river bank, canal",
    "stream": "stream, brook, creek, rivulet, waterfall",
    "sea": "sea, at sea, ocean, bay, cove, harbour, harbor, waves, seafront, surf, fjord",
})  # fmt: skip
SHORES = _words("shore, bank, waterside, waterfront, water's edge, waters edge")
PATHS = _words("path, trail, road, lane, footpath, track, walkway, pathway, avenue, alley, dirt road, gravel path, "
               "winding path, country road, street, village street")  # fmt: skip
GROUNDS = _rows({"sand": "sand", "dirt": "dirt, mud, soil, earth", "gravel": "shingle", "stone": "cobbles, paving",
                 "grass": "turf", "": "ground, floor"})  # fmt: skip
SCENERY = _words(
    "sky, sun, moon, light, day, daylight, sunlight, air, horizon, view, scene, world, time, weather, cloud, "
    "star, wind, atmosphere, mood, shadow, background, foreground, distance, season, picture of, painting of, "
    "image of, photo of, picture, image, photo, rendering, middle, edge, side, place"
)
"""Nouns that are understood but stand for no thing; they take their adjectives with them ("a blue sky")."""

# Words about the whole scene ------------------------------------------------------------------------------------------

TIMES = _rows({
    "dawn": "dawn, sunrise, daybreak, first light, sunup, early morning, break of day, rising sun, sun is rising, "
            "sun rises, crack of dawn, morning twilight",
    "morning": "morning, forenoon, mid morning, breakfast time",
    "noon": "noon, midday, noonday, high noon, lunchtime",
    "afternoon": "afternoon, late afternoon, early afternoon",
    "sunset": "sunset, sundown, golden hour, setting sun, sun is setting, sun sets, evening glow, red sky, orange sky, "
              "sunset sky, setting of the sun",
    "dusk": "dusk, twilight, nightfall, evening, gloaming, blue hour, eventide, late evening",
    "night": "night, midnight, nighttime, night time, nocturnal, dead of night, night sky, at night, by night",
})  # fmt: skip
NIGHT_HINTS = _words(
    "moonlit, moonlight, starry, stars, starlit, starlight, full moon, moon, moonlight, crescent moon, aurora, "
    "northern lights, star studded, moon is out, starry sky"
)
WEATHERS = _rows(
    {
        "clear": "sunny, clear, cloudless, sunshine, sunlit, bright day, bright morning, blue sky, clear sky, clear "
        "skies, sunny day, fair weather, sun drenched",
        "cloudy": "cloudy, clouds, partly cloudy, cloudy sky, cumulus",
        "overcast": "overcast, grey sky, gray sky, dull, gloomy, leaden sky, grey day, gray day, dreary, grey skies",
        "rain": "rain, rainy, raining, drizzle, drizzly, rainfall, shower, showers, wet day, downpour, pouring, "
        "rains, drizzling",
        "storm": "storm, stormy, thunderstorm, thunder, lightning, tempest, hurricane, gale, thunderstorms, thundery",
        "fog": "fog, foggy, mist, misty, haze, hazy, mists, fogbound, in the mist, morning mist",
        "snow": "snowing, snowfall, snowstorm, blizzard, snowflakes, falling snow, snow falling, snow is falling, "
        "snow falls, snow shower, snows, it snows",
    }
)
SEASONS = _rows(
    {
        "spring": "spring, springtime, spring time",
        "summer": "summer, summertime, midsummer, summery, summer time",
        "autumn": "autumn, autumnal, october, november, autumn leaves, autumn colours, autumn colors, in the fall, "
        "fall forest, fall day, in fall",
        "winter": "winter, wintertime, wintry, midwinter, frost, frosty, frozen, icy, winter time, december, ice, "
        "christmas",
    }
)
SNOW = _words(
    "snow, snowy, snow covered, snow capped, snowcapped, snow clad, covered in snow, covered with snow, "
    "snowbound, snowed in, deep snow, fresh snow"
)
STYLES = _rows(
    {
        "lowpoly": "low poly, lowpoly, low polygon",
        "realistic": "realistic, photorealistic, photo realistic, lifelike",
        "painterly": "painterly, oil painting, watercolour, watercolor, impressionist, impressionistic, painted style, "
        "hand painted",
    }
)
LANDFORM_ADJECTIVES = _rows({"hills": "hilly", "rolling": "rolling, rolling hills, undulating", "flat": "flat, level",
                             "mountains": "mountainous, alpine"})  # fmt: skip
FAR = _words(
    "distant, far away, far off, faraway, in the distance, on the horizon, in the background, far, at the "
    "horizon, in the far distance, beyond, on the skyline"
)

# Adjectives -----------------------------------------------------------------------------------------------------------

SHADES = _rows(
    {
        "red": "scarlet, ruby, vermilion, brick red, cherry red, reddish, blood red, rust, rusty red, coral, light red",
        "crimson": "maroon, burgundy, wine red, carmine, dark red, deep red",
        "pink": "rose, magenta, salmon, fuchsia, light pink, pinkish, hot pink",
        "orange": "amber, copper, tangerine, dark orange, orangey",
        "yellow": "lemon, mustard, bright yellow, light yellow, yellowish, canary yellow",
        "gold": "golden, ochre, dark yellow, bronze, brass",
        "green": "emerald, lime, olive, dark green, light green, mossy green, greenish, sage, bright green, jade",
        "turquoise": "teal, cyan, aqua, aquamarine, blue green",
        "blue": "azure, sky blue, light blue, cobalt, sapphire, pale blue, bright blue, bluish, royal blue, cerulean",
        "navy": "dark blue, navy blue, deep blue, midnight blue, indigo",
        "purple": "plum, dark purple, mauve, aubergine",
        "violet": "lilac, light purple, amethyst",
        "white": "whitewashed, snow white, ivory, whitish, off white, pearl, pure white",
        "cream": "creamy, pale yellow, vanilla",
        "grey": "gray, light grey, light gray, dark grey, dark gray, slate grey, greyish, ash grey, charcoal",
        "silver": "silvery",
        "black": "jet black, ebony, pitch black, blackened, coal black",
        "brown": "chocolate, dark brown, light brown, tan, chestnut brown, hazel brown, brownish, sepia",
        "beige": "khaki, sandy, taupe, sand coloured, fawn",
    }
)
COLOUR_WORDS = SHADES | {name: name for name in COLOURS}
TINTS = _words("light, dark, pale, deep, bright, vivid, faded, muted, pastel")
"""Shade words before any colour not listed in `SHADES`."""
MATERIALS = _rows(
    {
        "wood": "wooden, wood, timbered, half timbered, timber framed, plank, log, bamboo, wickerwork, wicker, oaken",
        "stone": "stone, stony, rock, rocky, marble, granite, cobblestone, slate, limestone, sandstone, concrete",
        "brick": "brick, bricks",
        "metal": "metal, iron, steel, metallic, wrought iron, cast iron, tin",
        "thatch": "thatched, thatch",
    }
)
SIZES = _rows(
    {
        "tiny": "tiny, miniature, minuscule, wee",
        "small": "small, little, compact, petite, modest",
        "large": "large, big, great, sizeable, spacious, grand, thick",
        "huge": "huge, giant, gigantic, enormous, massive, immense, colossal, mighty, vast",
        "tall": "tall, high, towering, lofty",
        "short": "short, low, stubby, squat",
        "long": "long, lengthy",
        "wide": "wide, broad",
    }
)
DRY = _words("dry, dried up, dried out")

# Relations ------------------------------------------------------------------------------------------------------------

RELATIONS = _rows(
    {
        "by": "by, near, next to, beside, close to, at, near to, nearby, adjacent to, not far from, on the shore "
        "of, on the bank of, on the banks of, on the shores of, at the edge of, on the edge of, at the foot "
        "of, at the side of, by the side of, overlooking, facing, alongside, against, at the shore of, on "
        "the side of, leaning against, on the coast of, on each side of, at each side of, on every side of, "
        "face, faces, overlook, overlooks, flank, flanks",
        "on": "on, upon, on top of, atop, over, above, across, crossing, spanning, onto, cross, crosses, spans",
        "in": "in, inside, inside of, interior of, within, into, in the middle of, in the centre of, in the "
        "center of, in the midst of, at the centre of, at the center of",
        "under": "under, underneath, beneath, below, in the shade of, in the shadow of",
        "behind": "behind, in back of, at the back of, to the back of",
        "in_front_of": "in front of, before, opposite, in front, at the front of, to the front of, opposite to",
        "left_of": "to the left of, left of, on the left of, on the left side of, at the left of, to the left, to its "
        "left",
        "right_of": "to the right of, right of, on the right of, on the right side of, at the right of, to the right, "
        "to its right",
        "between": "between, in between, sandwiched between, wedged between, flanked by, framed by",
        "around": "around, all around, surrounding, encircling, enclosing, in a circle around, in a ring around, "
        "round, round about, circling, arranged around, surround, surrounds, encircle, encircles, enclose, "
        "encloses",
        "along": "along, all along, lining, alongside of, along the side of, along both sides of, on both sides of, "
        "on either side of, following, bordering, line, lines, on each side, on either side, on both sides",
    }
)
REVERSED = _rows(
    {
        "around": "surrounded by, encircled by, ringed by, enclosed by, circled by, surrounded with, among, amongst, "
        "amid, amidst, nestled among, hidden among",
        "along": "lined with, lined by, bordered by, bordered with, flanked with",
        "on": "topped with, topped by, decorated with",
        "under": "shaded by, overshadowed by",
        "by": "accompanied by",
    }
)
"""The subject is what the relation is to: "a cabin surrounded by pines" = pines around the cabin."""

# Small words ----------------------------------------------------------------------------------------------------------

COLLECTIVES = {
    "few": 3, "several": 4, "handful": 5, "group": 5, "cluster": 5, "clump": 4, "row": 5, "line": 5, "circle": 8,
    "ring": 8, "bunch": 5, "set": 4, "trio": 3, "both": 2, "collection": 5, "stand": 6, "herd": 6, "flock": 6,
    "fleet": 6, "string": 6, "pair": 2, "couple": 2,
}  # fmt: skip
"""Words for a number; those that take "of" are read only with it."""
COLLECTIVES_WITH_OF = frozenset(COLLECTIVES) - {"few", "several", "both"}
DENSITIES = {
    "many": 1.5, "lots of": 1.5, "plenty of": 1.5, "a lot of": 1.5, "numerous": 1.5, "countless": 2.0, "full of": 1.5,
    "covered in": 1.5, "covered with": 1.5, "dense": 2.0, "thick with": 2.0, "lush": 1.5, "overgrown": 1.5,
    "filled with": 1.5, "loads of": 1.5, "sparse": 0.3, "scattered": 0.4, "some": 1.0, "various": 1.0,
    "abundant": 1.5, "a few scattered": 0.3, "masses of": 2.0, "a sea of": 2.0, "dotted with": 0.6,
    "strewn with": 0.8, "carpet of": 2.0, "carpets of": 2.0, "a patch of": 0.6, "patches of": 0.6,
}  # fmt: skip
MANY_FROM = 1.5
"""From this density on, things that are not scattered come in a crowd."""
NEGATIONS = _words(
    "no, not, without, not a single, not any, none, never, free of, free from, devoid of, lacking, neither, "
    "without any, w o, sans, empty of, zero, not even, no more, bare of, instead of, not one"
)
EXCEPTIONS = _words("except, except for, apart from, other than, save for, aside from, but for")
LONE = _words("lone, lonely, single, solitary, sole")
PRONOUNS = _rows({"it": "it, that one, this one", "them": "them, these, those, one another"})
OTHERS = _words("other, others, another one, the other, the others, the rest, the other one, remaining")
DETERMINERS = _rows(
    {
        "the": "the, its, their, this, that, our, my, your, his, her",
        "a": "a, an, another",
        "any": "any, each, every, all, all of",
    }
)
PARTITIVES = _words("one of, two of, three of, all of, each of, some of, both of, any of, most of")
SKIP = _words(
    "is, are, was, were, be, been, being, having, had, do, does, can, could, will, would, should, may, might, "
    "must, there, here, where, which, who, what, when, while, as, if, so, then, also, too, very, really, quite, "
    "rather, just, only, please, make, create, build, generate, show, draw, render, give, put, add, place, "
    "want, need, like, let, see, imagine, picture, me, i, we, you, he, she, they, us, to, for, from, than, "
    "about, roughly, approximately, through, toward, towards, out, up, down, off, nothing but, made, made of, "
    "made from, painted, coloured, colored, built, built of, in colour, stand, stands, standing, stood, lie, "
    "lies, lying, sit, sits, sitting, rest, rests, resting, float, floats, floating, floated, moored, anchored, "
    "parked, leaning, hanging, growing, grow, grows, placed, set, located, situated, contain, include, "
    "includes, features, leads, leading, lead, runs, running, run, winds, winding, flows, flowing, flow, "
    "stretches, rises, rise, shines, shining, shine, glows, burning, burns, cosy, cozy, quiet, calm, peaceful, "
    "beautiful, pretty, lovely, nice, serene, tranquil, idyllic, scenic, picturesque, charming, pleasant, warm, "
    "cool, cold, hot, still, dreamy, wonderful, gorgeous, stunning, wild, natural, empty, simple, fishing, one "
    "each, more, most, much, each other, together, somewhere, everywhere, well kept, at least, exactly, kind, "
    "sort, type, piece, small bit, bit, of them, of which, its own, own, ones, not only, tied, "
    "tied up, tethered, shows, showing, "
    "depicts, depicting, glow, glowing, on the left, on the right, s, lit, lighted, covered, surrounded, early, "
    "late, in the middle"
)
STOPS = {",": "comma", "(": "comma", ")": "comma", ";": "stop", ".": "stop", "!": "stop", "?": "stop", ":": "colon"}
STOPS_WORDS = _rows({
    "and": "and, plus, as well as", "or": "or, nor", "of": "of", "stop": "but, though, however",
    "with": "with, featuring, containing, along with, together with, has, have, including, contains, complete with",
})  # fmt: skip
WIDER = {
    "tree": "tree", "plant": "plant", "vegetation": "plant", "greenery": "plant", "building": "building",
    "structure": "building", "furniture": "furniture", "vehicle": "vehicle", "shelter": "shelter",
}  # fmt: skip
"""Words for a whole kind of things; the class is chosen by the place."""
SHY = _words(
    "stand, stands, float, floats, rests, keeps, draws, ranges, rush, range, landing, crossing, mooring, "
    "figure, case, standard, home, seat, picture, painting, light, rest, keep, draw"
)
"""Nouns that are more often other words: read as things only after an article, a number or an adjective."""
NOT_PHRASES = _words("small stone")
"""Phrases of the catalogue that are better read word by word."""
UNITS = _words(
    "m, metre, meter, metres, meters, cm, km, ft, foot, feet, storey, storeys, story, stories, mile, miles, yard, yards"
)
HOURS = _words("am, pm, o'clock, o, oclock")
NOT_A_SLIP = (
    "r",
    "er",
    "ers",
    "rs",
    "ed",
    "d",
    "ing",
    "y",
    "ish",
    "like",
    "al",
    "man",
    "men",
    "ist",
    "ists",
    "ly",
    "t",
    "s",
)
"""An ending that makes another word out of a known one: a villager is no misspelt village."""

# What a place holds when nothing else is said -------------------------------------------------------------------------

TREES = {"mountain": "pine", "snow": "pine", "forest": "pine", "lake": "pine", "beach": "palm", "desert": "palm"}
"""The class of "trees" in a place; elsewhere it is the first of `WIDE_CLASSES`."""
WIDE_CLASSES = {
    "tree": "broadleaf", "plant": "bush", "building": "house", "furniture": "table", "vehicle": "cart",
    "shelter": "tent",
}  # fmt: skip
COVERS = {
    "forest": {"pine": 0.6, "broadleaf": 0.4, "bush": 0.6, "fern": 0.8, "grass": 0.6, "rock": 0.3},
    "meadow": {"grass": 1.0, "flowers": 0.8, "bush": 0.2, "broadleaf": 0.1, "rock": 0.1},
    "mountain": {"pine": 0.4, "rock": 1.0, "grass": 0.5, "bush": 0.2},
    "lake": {"pine": 0.3, "broadleaf": 0.2, "grass": 0.8, "bush": 0.4, "reeds": 0.6, "rock": 0.3},
    "river": {"broadleaf": 0.3, "grass": 0.9, "bush": 0.4, "reeds": 0.4, "rock": 0.5},
    "desert": {"rock": 0.5, "cactus": 0.3},
    "beach": {"palm": 0.2, "rock": 0.2, "grass": 0.1},
    "snow": {"pine": 0.3, "rock": 0.3},
    "village": {"broadleaf": 0.2, "grass": 0.8, "bush": 0.4, "flowers": 0.3},
    "interior": {},
}
SCATTERED = frozenset({"rock", "pebbles"})
"""Things other than plants that are scattered when they are not counted."""
WITHERING = frozenset({"flowers", "mushroom", "fern"})
"""Covers of a place that winter takes away."""
PLACE_LANDFORMS = {
    "mountain": "mountains",
    "desert": "dunes",
    "beach": "coast",
    "interior": "flat",
    "village": "rolling",
}
PLACE_GROUNDS = {
    "forest": "forest_floor",
    "mountain": "rock",
    "desert": "sand",
    "beach": "sand",
    "snow": "snow",
    "interior": "wood",
}
PLACE_WATERS = {"lake": "lake", "river": "river", "beach": "sea"}
PLACE_FARS = {"mountain": "mountains", "snow": "mountains", "beach": "none", "interior": "none", "desert": "hills"}
WATER_PLACES = {"lake": "lake", "river": "river", "sea": "beach", "stream": "river", "pond": "meadow"}
WATER_TARGETS = {"lake": "lake", "pond": "lake", "river": "river", "stream": "river", "sea": "sea"}
LANDFORM_PLACES = {"dunes": "desert", "canyon": "desert"}
THING_PLACES = {"lighthouse": "beach", "cactus": "desert", "palm": "beach", "pier": "lake", "reeds": "lake"}
"""Where a thing stands if no place is named."""
INDOORS_TOO = frozenset({"lamp", "lantern", "barrel", "crate", "bucket", "statue", "wall"})
"""Things that beside furniture do not ask for the open air."""
VILLAGE_HOUSES = 5
WEATHER_STRENGTH = ("clear", "cloudy", "overcast", "fog", "rain", "snow", "storm")
