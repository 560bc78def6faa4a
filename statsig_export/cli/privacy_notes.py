"""What a verb says before anything is exported or sent that somebody may not want to leave."""

from collections.abc import Sequence

from statsig_export.cli import output
from statsig_export.config import Config
from statsig_export.forgetting.elsewhere import only_elsewhere
from statsig_export.shipping.other_rules import sent_as_exported


def note_other_rules(config: Config, again: Sequence[str] = ()) -> None:
    """Before anything is sent, or `again` of these partitions: what goes out as [privacy] would no longer have it."""
    if sentence := sent_as_exported(config, again):
        output.note(sentence)


def note_forgotten_elsewhere(config: Config) -> None:
    """Before anything is exported: who is forgotten, but not for this destination."""
    if sentence := only_elsewhere(config):
        output.note(output.printable(sentence))
