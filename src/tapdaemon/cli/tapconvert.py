"""tapconvert: a tap in another style, sealed or opened, or in the form of stock Twisted."""

from __future__ import annotations

import os
from typing import Any

import click

from tapdaemon.cli.reporting import printable, run_click

EPILOG = """\
\b
Styles:
  pickle         a tap; what mktap makes
  source         a tap whose graph is text, to read, compare and edit
  stock-pickle   what Twisted itself saves, for 'twistd -f'
  stock-source   its .tas, for 'twistd -s'
\b
Examples:
  tapconvert -i web.tap -o web-text.tap -t source
  tapconvert -i old-shutdown.tap -o web.tap          from a pickle that twistd left
  tapconvert -e -i web.tap -o sealed.tap
"""


@click.command(epilog=EPILOG)
@click.option("-i", "--in", "source", metavar="FILE", required=True, help="The file that is converted.")
@click.option("-o", "--out", "output", metavar="FILE", required=True, help="Where the result is written.")
@click.option("-f", "--typein", "kind", metavar="STYLE", default="guess", help="Style of the input (guess).")
@click.option("-t", "--typeout", "style", metavar="STYLE", help="Style of the output (that of the tap, or pickle).")
@click.option("-d", "--decrypt", is_flag=True, help="The input is sealed: open it.")
@click.option("-e", "--encrypt", is_flag=True, help="Seal the output with a passphrase, which is asked for.")
@click.option("--passphrase-file", metavar="FILE", help="Read the passphrase from this file.")
@click.option("--new-passphrase-file", metavar="FILE", help="With -d -e: read the new one from this file.")
@click.version_option(package_name="tapdaemon", prog_name="tapconvert")
def command(*, passphrase_file: str | None, new_passphrase_file: str | None, **given: Any) -> None:
    """Convert a tap: between styles, from and to what stock Twisted writes, sealed with -e, opened with -d.

    Between our own styles nothing of it is run.  What is or becomes stock is loaded, and so runs.
    """
    from tapdaemon.persist import converting
    from tapdaemon.tapfile.passphrase import find

    credentials = os.environ.get("CREDENTIALS_DIRECTORY", "")
    request = converting.Request(
        **given,
        passphrase=lambda: find(given["source"], passphrase_file, credentials),
        new_passphrase=lambda: find(given["output"], new_passphrase_file or passphrase_file, "", new=True),
    )
    converted = converting.convert(request, os.environ)
    for warning in converted.warnings:
        click.echo(f"tapconvert: warning: {printable(warning)}", err=True)
    sealed = ", sealed" if converted.is_sealed else ""
    click.echo(printable(f"{converted.path}: {converted.size} bytes, {converted.style}{sealed}"))


def main() -> None:
    """Entry point of the command."""
    run_click("tapconvert", command)


if __name__ == "__main__":
    main()
