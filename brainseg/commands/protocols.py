"""The verb that carries out a whole protocol: plan, train, measure, compare."""

from __future__ import annotations

import sys
from argparse import Namespace

from brainseg import protocol_results, protocol_table, protocols
from brainseg.commands.console import print_json
from brainseg.commands.training import settings_of


def protocol(options: Namespace) -> int:
    """Carry out a protocol, or go on with it, and print its table."""
    settings = settings_of(options)
    settings.pop("tumour_free", None)
    planned = protocols.plan(
        options.protocol,
        options.data,
        tumour_free=options.tumour_free,
        networks=tuple(dict.fromkeys(options.networks)),
        settings=settings,
    )
    found = protocol_results.carry_out(options.protocol, planned, options.out, _tell)
    if options.json:
        print_json(found)
    else:
        print(protocol_table.table(found))
    return 0


def _tell(words: str) -> None:
    """Say how it goes beside the results: standard output is theirs alone."""
    print(words, file=sys.stderr, flush=True)
