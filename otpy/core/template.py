"""Children made from a dynamic supervisor's template (supervisor.erl, ``simple_one_for_one``)."""

from dataclasses import replace

from otpy.core.messages import Denied, StartCopy
from otpy.core.spec import ChildSpec, CommandStart, ServerStart, SupervisorSpec


def copy_of(template: ChildSpec, id_: str, request: StartCopy) -> ChildSpec | Denied:
    """Return the spec of one child: the template's, with the arguments of `request` added.

    Positional arguments come after the template's, keyword arguments beside them; both at once
    are refused, since a tree's file has no words for them.
    """
    match template.start:
        case ServerStart() as server:
            args, kwargs = (*server.args, *request.args), {**server.kwargs, **request.kwargs}
            if args and kwargs:
                return Denied("bad_combination", "positional and keyword arguments together")
            return replace(template, id=id_, start=replace(server, args=args, kwargs=kwargs))
        case CommandStart() as command:
            words = [word for word in request.args if isinstance(word, str)]
            if request.kwargs or len(words) < len(request.args):
                return Denied("bad_combination", "the arguments of a command are strings")
            start = replace(command, argv=(*command.argv, *words))
            return replace(template, id=id_, start=start)
        case SupervisorSpec():
            return Denied("bad_combination", "a supervisor takes no arguments")
