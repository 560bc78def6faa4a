"""The exposures of the sample source: a catalogue of gates, configs, experiments and layers, and rows drawn from it."""

import json
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from statsig_export.testing.sample.users import Indexes, Texts, Users

Columns = dict[str, Texts]
"""Column name -> one Python value a row, as a driver takes it: JSON as text, None for NULL."""


@dataclass(frozen=True, slots=True)
class Variant:
    """What the units of one group see of a gate, config, experiment or layer."""

    rule_id: str
    gate_value: bool | None = None
    group_name: str | None = None
    metadata: tuple[tuple[str, str], ...] = ()


@dataclass(frozen=True, slots=True)
class Subject:
    """A gate, config, experiment or layer, and its share of the exposures."""

    exposure_type: str
    name: str
    unit_type: str
    share: float
    variants: tuple[Variant, ...]


def _gate(name: str, share: float, unit_type: str = "userID", metadata: tuple[tuple[str, str], ...] = ()) -> Subject:
    passed = Variant(f"{name}_public_rule", gate_value=True, metadata=metadata)
    variants = (passed, passed, Variant("default", gate_value=False, metadata=metadata))
    return Subject("gate", name, unit_type, share, variants)


def _experiment(name: str, share: float, unit_type: str, *groups: str) -> Subject:
    metadata = (("configVersion", "3"), ("rulePassed", "true"))
    variants = tuple(Variant(f"{name}_{group}".lower(), group_name=group, metadata=metadata) for group in groups)
    return Subject("experiment", name, unit_type, share, variants)


def _layer(name: str, share: float, experiments: tuple[str, ...], *parameters: str) -> Subject:
    variants = [
        Variant(
            f"{experiment}_group",
            metadata=(
                ("allocatedExperiment", experiment),
                ("parameterName", parameter),
                ("isExplicitParameter", "true"),
                ("configVersion", "9"),
            ),
        )
        for experiment in experiments
        for parameter in parameters
    ]
    unallocated = (("allocatedExperiment", ""), ("parameterName", parameters[0]), ("isExplicitParameter", "false"))
    return Subject("layer", name, "userID", share, (*variants, Variant("layerAssignment", metadata=unallocated)))


SUBJECTS = (
    _gate("new_checkout", 14, metadata=(("configVersion", "7"),)),
    _gate("dark_mode", 10),
    _gate("search_v2", 8, metadata=(("configVersion", "12"), ("isManualExposure", "true"))),
    _gate("fast_start", 7, "stableID", (("configVersion", "2"),)),
    _gate("company_sso", 4, "companyID"),
    _gate("価格_表示", 2),
    _experiment("checkout_flow", 9, "userID", "Control", "One Page", "Express"),
    _experiment("onboarding_copy", 6, "stableID", "Control", "Short", "Długi"),
    _experiment("seat_pricing", 4, "companyID", "Control", "Test"),
    Subject("config", "banner", "userID", 9, (Variant("banner_rule", metadata=(("rulePassed", "true"),)),)),
    Subject("config", "limits", "companyID", 4, (Variant("pro_limits"), Variant("default"))),
    Subject("config", "feature_text", "stableID", 5, (Variant("texts", metadata=(("configVersion", "4"),)),)),
    _layer("home_layer", 11, ("home_ranking", "home_hero"), "title", "ranking_model"),
    _layer("cart_layer", 7, ("cart_upsell",), "show_upsell"),
)

_REASONS = np.array(["Network:Recognized", "Network:Recognized", "Bootstrap:Recognized", None], dtype=np.object_)
_SPREAD = 2_654_435_761
"""Knuth's multiplicative constant: makes groups out of user numbers."""


def _metadata(variant: Variant) -> str | None:
    """The metadata's text without its closing brace, so that a row can add to it; None for NULL."""
    if not variant.metadata:
        return None
    return json.dumps(dict(variant.metadata), ensure_ascii=False, separators=(",", ":"))[:-1]


def _texts(values: Sequence[str | bool | None]) -> Texts:
    return np.array(values, dtype=np.object_)


class Catalogue:
    """SUBJECTS laid out as arrays, one element a variant."""

    def __init__(self) -> None:
        pairs = [(subject, variant) for subject in SUBJECTS for variant in subject.variants]
        self.exposure_type = _texts([subject.exposure_type for subject, _ in pairs])
        self.name = _texts([subject.name for subject, _ in pairs])
        self.unit_type = _texts([subject.unit_type for subject, _ in pairs])
        self.rule_id = _texts([variant.rule_id for _, variant in pairs])
        self.gate_value = _texts([variant.gate_value for _, variant in pairs])
        self.group_name = _texts([variant.group_name for _, variant in pairs])
        self.metadata = _texts([_metadata(variant) for _, variant in pairs])
        counts = np.array([len(subject.variants) for subject in SUBJECTS])
        self._counts: Indexes = counts
        self._first: Indexes = np.concatenate(([0], np.cumsum(counts)[:-1]))
        shares = np.array([subject.share for subject in SUBJECTS])
        self._shares: NDArray[np.float64] = np.cumsum(shares / shares.sum())
        self._for_companies = np.array([subject.unit_type == "companyID" for subject in SUBJECTS])

    def draw(self, rng: np.random.Generator, users: Users, who: Indexes) -> Indexes:
        """The variant each exposure is of. A user stays in its group, and only companies' users see theirs."""
        subject = np.minimum(np.searchsorted(self._shares, rng.random(len(who))), len(SUBJECTS) - 1)
        subject = np.where(self._for_companies[subject] & ~users.has_company[who], 0, subject)
        group = (who * _SPREAD + subject * 97) // 64 % self._counts[subject]
        return np.asarray(self._first[subject] + group)


CATALOGUE = Catalogue()


def exposure_columns(rng: np.random.Generator, users: Users, who: Indexes, epoch_ms: Indexes) -> Columns:
    """The columns of the table `exposures` that say what was exposed, one row for each element of `who`."""
    variant = CATALOGUE.draw(rng, users, who)
    return {
        "exposure_type": CATALOGUE.exposure_type[variant],
        "name": CATALOGUE.name[variant],
        "rule_id": CATALOGUE.rule_id[variant],
        "gate_value": CATALOGUE.gate_value[variant],
        "group_name": CATALOGUE.group_name[variant],
        "reason": _REASONS[rng.integers(0, len(_REASONS), len(who))],
        "unit_type": CATALOGUE.unit_type[variant],
        "metadata": _texts(
            [
                None if opening is None else f'{opening},"receivedAt":"{moment}"}}'
                for opening, moment in zip(CATALOGUE.metadata[variant], epoch_ms.tolist(), strict=True)
            ]
        ),
    }
