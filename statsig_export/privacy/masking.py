"""A rule for looking at events before there is a rule: every value that may be a person's is masked. Pure."""

from typing import Final

from statsig_export.privacy.hashing import Normalize
from statsig_export.privacy.paths import parse_path
from statsig_export.privacy.rule import Rule, RulePath

MASK: Final = "..."


class Masking(Rule):
    """Names stay, and what an exposure is of; of users, values and metadata only what is empty."""

    def __init__(self) -> None:
        members = ("user", "value", "metadata", "statsigMetadata")
        super().__init__([RulePath(parse_path(member), "hash") for member in members], None)

    def hash_value(self, value: str, normalize: Normalize) -> str:  # noqa: ARG002  as the rule has it
        return MASK if value else ""
