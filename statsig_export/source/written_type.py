"""A type as it stands in a cast, where a dialect has another name for it, or none."""

from sqlalchemy.types import UserDefinedType


class WrittenType(UserDefinedType[object]):
    """By its name alone; its values are as the driver gives them."""

    cache_ok = True

    def __init__(self, name: str) -> None:
        self.name = name

    def get_col_spec(self, **_: object) -> str:
        return self.name
