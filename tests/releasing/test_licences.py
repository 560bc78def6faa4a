"""Licences that cannot be used with an MIT license fail, with the package's name."""

import json
from pathlib import Path

import pytest

from release.licences import Package, incompatible, is_compatible, packages_of

pytestmark = pytest.mark.acceptance


@pytest.mark.parametrize(
    "licence",
    [
        *("MIT", "Apache-2.0 OR BSD-3-Clause", "MPL-2.0 AND MIT", "LGPL-3.0-only", "PSF-2.0", "CC0-1.0", "MIT-CMU"),
        *("GPL-2.0-only WITH Classpath-exception-2.0", "GPL-3.0-only OR MIT"),
        "License :: OSI Approved :: BSD License",
        "License :: OSI Approved :: GNU Library or Lesser General Public License (LGPL)",
        "3-Clause BSD License",
    ],
)
def test_what_may_be_imported_by_anything_is_compatible(licence: str):
    assert is_compatible(licence)


@pytest.mark.fault("F385")
@pytest.mark.parametrize(
    "licence",
    [
        *("GPL-3.0-only", "AGPL-3.0-or-later", "MIT AND GPL-2.0-or-later", "GPL-3.0-only OR AGPL-3.0-only"),
        *("SSPL-1.0", "BUSL-1.1", "Elastic-2.0", "CC-BY-NC-4.0", "LicenseRef-Proprietary"),
        "License :: OSI Approved :: GNU General Public License (GPL)",
        "License :: Other/Proprietary License",
        *("GPLv3+", "BSD or GPL", "see LICENSE", "Dual License", ""),
    ],
)
def test_strong_copyleft_limited_use_and_what_nobody_knows_are_not(licence: str):
    assert not is_compatible(licence)


@pytest.mark.fault("F385")
def test_a_package_is_named_with_the_license_that_it_has_or_lacks():
    packages = [
        Package("good", "1", ("MIT",)),
        Package("strong", "2", ("MIT", "AGPL-3.0-only")),
        Package("silent", "3", ()),
    ]

    assert list(incompatible(packages)) == [
        "strong 2 is under AGPL-3.0-only: not compatible, or not known to be",
        "silent 3 declares no license: read it before you depend on it",
    ]


def test_licences_are_those_of_the_bill_of_materials_else_the_packages_own_words(tmp_path: Path):
    bill, environment = tmp_path / "bill.json", tmp_path / "environment"
    metadata = environment / "lib/python3.11/site-packages/old-2.dist-info/METADATA"
    metadata.parent.mkdir(parents=True)
    metadata.write_text("Name: Old\nVersion: 2\nLicense: BSD\n and more of it\n\nGPL is named in the description")
    licences = [{"expression": "MIT"}, {"license": {"id": "ISC"}}, {"license": {"name": "License :: X"}}]
    components = [{"name": "Old", "version": "2"}, {"name": "new", "version": "1", "licenses": licences}]
    bill.write_text(json.dumps({"components": components}))

    assert packages_of(bill, environment) == [
        Package("new", "1", ("MIT", "ISC", "License :: X")),
        Package("Old", "2", ("BSD",)),
    ]
