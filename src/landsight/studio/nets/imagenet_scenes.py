"""Which of ImageNet's 1,000 classes are places: what is built or lies in the land, and one can stand in front of or inside.

Chosen by what the classes mean, not by how any picture scores. Numbers are the usual order of ILSVRC 2012 (Russakovsky et al. 2015).
"""

from __future__ import annotations

#: Class number -> its name.
PLACES: dict[int, str] = {
    406: "altar", 410: "apiary", 415: "bakery", 424: "barbershop", 425: "barn", 437: "beacon", 442: "bell cote", 449: "boathouse",
    454: "bookshop", 460: "breakwater", 467: "butcher shop", 483: "castle", 497: "church", 498: "cinema", 500: "cliff dwelling",
    509: "confectionery", 525: "dam", 536: "dock", 538: "dome", 557: "flagpole", 562: "fountain", 580: "greenhouse", 582: "grocery store",
    624: "library", 634: "lumbermill", 649: "megalith", 660: "mobile home", 663: "monastery", 668: "mosque", 682: "obelisk", 698: "palace",
    706: "patio", 708: "pedestal", 716: "picket fence", 718: "pier", 727: "planetarium", 743: "prison", 762: "restaurant", 788: "shoe shop",
    819: "stage", 821: "steel arch bridge", 825: "stone wall", 832: "stupa", 839: "suspension bridge", 853: "thatch", 858: "tile roof",
    860: "tobacco shop", 863: "totem pole", 865: "toyshop", 873: "triumphal arch", 884: "vault", 888: "viaduct", 900: "water tower",
    912: "worm fence", 915: "yurt", 970: "alp", 972: "cliff", 974: "geyser", 975: "lakeside", 976: "promontory", 977: "sandbar",
    978: "seashore", 979: "valley", 980: "volcano",
}  # fmt: skip
