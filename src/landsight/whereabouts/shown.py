"""Evidence of what the picture shows: a classifier's answer, put onto the map by the bundle's places."""

from __future__ import annotations

from landsight.answer.classify import ClassAnswer
from landsight.bundle.manifest import BundlePlace, Manifest
from landsight.whereabouts.evidence import Evidence
from landsight.whereabouts.located import Candidate, Looked, Shown


def looked_at(answer: ClassAnswer) -> Looked:
    """What the picture shows. A bundle without a decision always names its best label."""
    return answer.looked if answer.looked is not None else "landmark"


def candidates(answer: ClassAnswer, manifest: Manifest, top_k: int) -> tuple[Candidate, ...]:
    """The best ``top_k`` labels, best first; fewer when the bundle has fewer."""
    found = []
    for rank, index in enumerate(answer.order[:top_k].tolist(), start=1):
        label = manifest.labels[index]
        place = manifest.places.get(label)
        found.append(
            Candidate(
                rank=rank,
                label=label,
                name=place.name if place else label,
                probability=float(answer.probabilities[index]),
                latitude=place.latitude if place else None,
                longitude=place.longitude if place else None,
                city=place.city if place else None,
                country=place.country if place else None,
            )
        )
    return tuple(found)


def shown(answer: ClassAnswer, manifest: Manifest) -> Shown | None:
    """The landmark, or None when the answer is that it is none of the bundle's labels."""
    if looked_at(answer) != "landmark":
        return None
    index = int(answer.order[0])
    label = manifest.labels[index]
    probability = float(answer.probabilities[index])
    place = manifest.places.get(label)
    return _shown_place(label, probability, place) if place else Shown(label=label, name=label, probability=probability)


def shown_evidence(shown_place: Shown, bundle_name: str) -> tuple[Evidence, ...]:
    """Where that landmark lies; nothing for a label that has no place."""
    if shown_place.latitude is None or shown_place.longitude is None or shown_place.radius_m is None:
        return ()
    return (
        Evidence(
            kind="landmark",
            of="shown",
            latitude=shown_place.latitude,
            longitude=shown_place.longitude,
            radius_m=shown_place.radius_m,
            confidence=shown_place.probability,
            source=bundle_name,
            detail=shown_place.name,
        ),
    )


def _shown_place(label: str, probability: float, place: BundlePlace) -> Shown:
    return Shown(
        label=label,
        name=place.name,
        probability=probability,
        latitude=place.latitude,
        longitude=place.longitude,
        radius_m=place.radius_m,
        city=place.city,
        country=place.country,
        country_code=place.country_code,
    )
