"""The categories as small integers, in the order of their names."""

from typing import Final, TypeAlias

import numpy as np
import numpy.typing as npt

from statsig_export.vocabulary import Category

Codes: TypeAlias = npt.NDArray[np.int8]
"""Each row's category, as its position in CATEGORIES."""


CATEGORIES: Final = tuple(Category)


GATE: Final = CATEGORIES.index(Category.GATE_EXPOSURE)


CONFIG: Final = CATEGORIES.index(Category.CONFIG_EXPOSURE)


EXPERIMENT: Final = CATEGORIES.index(Category.EXPERIMENT_EXPOSURE)


LAYER: Final = CATEGORIES.index(Category.LAYER_EXPOSURE)


CONFIG_CHANGE: Final = CATEGORIES.index(Category.CONFIG_CHANGE)


CUSTOM_EVENT: Final = CATEGORIES.index(Category.CUSTOM_EVENT)
