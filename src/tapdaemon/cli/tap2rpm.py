"""tap2rpm: make an rpm of a tap, and its source package."""

from __future__ import annotations

import os
from typing import Any

import click

from tapdaemon.cli import shipping
from tapdaemon.cli.reporting import run_click

EPILOG = """\
\b
Examples:
  tap2rpm -m 'Ann Example <ann@example.org>' web.tap
  tap2rpm --unit-only web.tap         the units alone, printed
"""


@click.command(epilog=EPILOG)
@shipping.options
@click.option("-r", "--rpmfile", metavar="FILE", help="The package's file, where its name is not to be the usual one.")
@click.version_option(package_name="tapdaemon", prog_name="tap2rpm")
def command(**given: Any) -> None:
    """Make an rpm of TAP, and its source package; nothing in it is run."""
    from tapdaemon.pack import build, hosts, rpm

    ship = shipping.Shipping("tap2rpm", given["quiet"])
    with shipping.the_tap(given, ship.program) as path:
        package = ship.prepare(path, given, hosts.rpm()).package
        if given["unit_only"]:
            shipping.show_units(package)
            return
        folder = given["output_dir"]
        target = given["rpmfile"] or os.path.join(folder, rpm.file_name(package, package.architecture))
        source = os.path.join(os.path.dirname(target) or folder, rpm.file_name(package, "src"))
        ship.say(f"building {target}")
        ship.close(build.rpms(package, target, source, given["sign"]), "dnf install")


def main() -> None:
    """Entry point of the command."""
    run_click("tap2rpm", command)


if __name__ == "__main__":
    main()
