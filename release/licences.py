"""The licences of everything that an installation with all extras brings, and the bill of materials. `make licences`.

python -m release.licences ENVIRONMENT CYCLONEDX FILE
"""

import json
import re
import subprocess
import sys
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from email.parser import HeaderParser
from pathlib import Path
from typing import Final

from license_expression import ExpressionError, get_license_index, get_spdx_licensing

ROOT = Path(__file__).parents[1]
COMPATIBLE: Final = {"Permissive", "Public Domain", "Copyleft Limited"}
"""Categories of ScanCode's license database, which knows every SPDX license: those that somebody who imports a package
may ignore for what they make themselves. *Copyleft Limited* are LGPL and MPL: no package is changed or copied here.
"""
_LESSER: Final = re.compile(r"(gnu )?(library or )?lesser general public licen\w*|\blgpl\S*", re.IGNORECASE)
_STRONG: Final = re.compile(
    r"gpl|general public|sspl|server side public|business source|commons clause|proprietary|commercial", re.IGNORECASE
)
_KNOWN: Final = re.compile(r"\b(apache|bsd|mit|isc|mpl|mozilla|psf|python software foundation)\b", re.IGNORECASE)
_CATEGORIES: Final = {
    entry["spdx_license_key"]: entry["category"] for entry in get_license_index() if "category" in entry
}


@dataclass(frozen=True, slots=True)
class Package:
    """One of the bill of materials."""

    name: str
    version: str
    licences: tuple[str, ...]
    """As it declares them: SPDX expressions, else classifiers, else its own words; empty: it says nothing."""


def incompatible(packages: Iterable[Package]) -> Iterator[str]:
    """One sentence for each package that cannot be used with an MIT license, or does not say whether it can."""
    for package in packages:
        if not package.licences:
            yield f"{package.name} {package.version} declares no license: read it before you depend on it"
        for licence in package.licences:
            if not is_compatible(licence):
                yield f"{package.name} {package.version} is under {licence}: not compatible, or not known to be"


def is_compatible(licence: str) -> bool:
    """Of one declared license. A choice (OR) needs one that is, a sum (AND) all of them; what nobody knows is not."""
    try:
        parsed = get_spdx_licensing().parse(licence, validate=True, strict=True)
    except ExpressionError:
        rest = _LESSER.sub("mozilla", licence)  # of the same category
        return _STRONG.search(rest) is None and _KNOWN.search(rest) is not None
    return parsed is not None and _holds(parsed)


def _holds(node: object) -> bool:
    parts = getattr(node, "args", ())
    if parts:
        results = [_holds(part) for part in parts]
        return any(results) if type(node).__name__ == "OR" else all(results)
    exception = getattr(node, "exception_symbol", None)  # GPL-2.0 WITH Classpath-exception-2.0: the exception decides
    return _CATEGORIES.get(getattr(exception or node, "key", "")) in COMPATIBLE


def packages_of(bill: Path, environment: Path) -> list[Package]:
    """Those of the bill of materials, in the order of their names. A package that has no license in it may have one in
    its own words.
    """
    own_words = dict(_own_words(environment))
    components = json.loads(bill.read_text(encoding="utf-8"))["components"]
    found = [
        Package(part["name"], part.get("version", ""), _declared(part) or own_words.get(part["name"].lower(), ()))
        for part in components
    ]
    return sorted(found, key=lambda package: package.name.lower())


def _declared(component: dict[str, list[dict[str, dict[str, str]]]]) -> tuple[str, ...]:
    declared = component.get("licenses", [])
    said = [str(one.get("expression") or one["license"].get("id") or one["license"].get("name")) for one in declared]
    return tuple(dict.fromkeys(said))


def _own_words(environment: Path) -> Iterator[tuple[str, tuple[str, ...]]]:
    for file in environment.glob("lib*/**/*.dist-info/METADATA"):
        metadata = HeaderParser().parsestr(file.read_text(encoding="utf-8"))
        if words := (metadata["License"] or "").strip():
            yield metadata["Name"].lower(), (words.splitlines()[0],)


def write_bill(environment: Path, cyclonedx: Path, file: Path) -> None:
    """In CycloneDX's JSON, of what is installed in the environment; the same bytes for the same packages."""
    file.parent.mkdir(parents=True, exist_ok=True)
    options = ["--pyproject", str(ROOT / "pyproject.toml"), "--mc-type", "library", "--output-reproducible"]
    command = [str(cyclonedx), "environment", *options, "--of", "JSON", "-o", str(file), str(environment)]
    subprocess.run(command, check=True)  # noqa: S603  our own program


def main(environment: Path, cyclonedx: Path, file: Path) -> int:
    write_bill(environment, cyclonedx, file)
    packages = packages_of(file, environment)
    for package in packages:
        sys.stdout.write(f"{package.name} {package.version}: {'; '.join(package.licences)}\n")
    problems = list(incompatible(packages))
    sys.stderr.writelines(f"licences: {problem}\n" for problem in problems)
    sys.stdout.write(f"{len(packages)} packages, in {file}\n")
    return 1 if problems or not packages else 0


if __name__ == "__main__":
    sys.exit(main(*map(Path, sys.argv[1:])))
