"""The command `stafett`: what can be done with an installation. Each command is in services/commands/."""

import typer

from services.commands import chores, demo, doctor, document, imports, organizations, serve
from services.commands.plain_words import PlainGroup

app = typer.Typer(
    help="Stafett: what was promised is handed over. Settings are variables named STAFETT_…",
    cls=PlainGroup,
    no_args_is_help=True,
    # A traceback is for our own mistakes, and then the plain one; local values may be secret.
    pretty_exceptions_enable=False,
)
app.command()(serve.serve)
app.command()(demo.demo)
app.command()(serve.migrate)
app.command()(chores.chores)
app.command()(doctor.doctor)
app.command()(document.openapi)
app.add_typer(imports.imports, name="import")
app.add_typer(organizations.organizations, name="organizations")
app.add_typer(organizations.keys, name="keys")
