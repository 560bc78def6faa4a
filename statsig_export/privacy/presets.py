"""The lists that `preset` stands for, as they would be written in export.toml. Pure."""

from collections.abc import Mapping
from typing import Final, Literal, NamedTuple

PresetName = Literal["strict"]


class Preset(NamedTuple):
    """Added to the lists of the file; `keep_user` counts where the file has none."""

    drop: tuple[str, ...]
    hash: tuple[str, ...]
    keep_user: tuple[str, ...]


PRESETS: Final[Mapping[PresetName, Preset]] = {
    "strict": Preset(
        drop=(
            *("metadata.*email*", "metadata.*Email*", "metadata.*phone*", "metadata.*Phone*"),
            *("metadata.*address*", "metadata.*Address*", "metadata.*password*", "metadata.*Password*"),
            *("metadata.*token*", "metadata.*Token*", "metadata.*session*", "metadata.*Session*"),
            *("metadata.first_name", "metadata.firstName", "metadata.last_name", "metadata.lastName"),
            *("metadata.full_name", "metadata.fullName", "metadata.user_name", "metadata.userName"),
            *("metadata.ip", "metadata.user_agent", "metadata.userAgent"),
            *("statsigMetadata.ip", "statsigMetadata.*session*", "statsigMetadata.*Session*"),
            *("statsigMetadata.userAgent", "statsigMetadata.device*"),
        ),
        hash=("userID", "user.customIDs.*"),
        keep_user=("userID", "customIDs", "country", "locale", "appVersion", "statsigEnvironment"),
    )
}
