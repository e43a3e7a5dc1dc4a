"""What a package says of the files, variables and folders that its tap needs and it does not carry."""

from __future__ import annotations

import pytest

import tapdaemon
from tapdaemon.pack import debian, debsource, package, readme, rpm
from tapdaemon.persist import images
from tapdaemon.tapfile.container import encode
from tapdaemon.tapfile.manifest import Needs

NEEDS = Needs(files=("/etc/shop.ini", "/srv/50%"), environment=("SHOP_KEY", "SHOP_SIZE"), writable=("/srv/spool",))


@pytest.fixture
def shop():
    """A package of a tap that declares this."""

    def make(needs: Needs) -> package.Package:
        image = images.make(tapdaemon.Application("shop"), declared=needs)
        return package.Package(
            "shop",
            image.manifest,
            encode(image),
            "1.0",
            "Ann <ann@example.org>",
            "A shop",
            ("One.",),
            (),
            1,
            "shop.tap",
        )

    return make


def texts(entries) -> dict[str, str]:
    return {entry.path: entry.content.decode(errors="replace") for entry in entries}


def test_every_package_names_what_it_does_not_carry(shop):
    """The deb, its source package and the rpm have one page, each under the name that is looked for there."""
    found = shop(NEEDS)
    page = texts(debian.files(found))["/usr/share/doc/tap-shop/README.Debian"]
    for name in (*NEEDS.files, *NEEDS.environment, *NEEDS.writable):
        assert f"\n  {name}\n" in page
    assert "/etc/default/tap-shop" in page
    assert texts(debsource.debianised(found))["/debian/README.Debian"] == page
    assert texts(rpm.sources(found))["/usr/share/doc/tap-shop/README"] == page
    assert "%doc %{_datadir}/doc/tap-shop/README\n" in rpm.spec(found)


def test_nothing_of_it_is_in_the_package(shop, tmp_path):
    """A file of the builder's that was recorded stays with the builder; no conffile stands for the variables."""
    secret = tmp_path / "netrc"
    secret.write_text("password of the builder")
    found = shop(Needs(files=(str(secret),), environment=("SHOP_KEY",)))
    entries = debian.files(found)
    assert not [entry.path for entry in entries if b"password of the builder" in entry.content]
    assert not [entry.path for entry in entries if entry.path.startswith("/etc")]
    assert "/DEBIAN/conffiles" not in texts(debian.members(found, entries))


def test_a_tap_that_needs_nothing_has_no_page(shop):
    """Nor are there words for who makes the package."""
    found = shop(Needs())
    assert not [path for path in texts(debian.files(found)) if "README" in path]
    assert not [path for path in texts(debsource.debianised(found)) if "README" in path]
    assert list(readme.warnings(found.manifest.needs, "shop")) == []


def test_a_page_stays_short(shop):
    """Some thousand files are counted, and tapctl shows them: a long page would have to be compressed."""
    files = tuple(f"/srv/www/{number:04}" for number in range(1000))
    page = readme.page(shop(Needs(files=files)))
    assert "  /srv/www/0019\n  and 980 more, which tapctl show lists\n" in page
    assert len(page) < 4096


def test_who_makes_the_package_is_told(shop):
    """In a line for each kind, with the first of many."""
    files = tuple(f"/srv/{number}" for number in range(7))
    first = ", ".join(files[:5])
    assert list(readme.warnings(Needs(files=files, environment=("A", "B")), "shop")) == [
        f"the package does not carry what it reads of its host: {first}, and 2 more, which tapctl show lists",
        "the package does not set what it looks at, /etc/default/tap-shop does: $A, $B",
    ]
