"""The two kinds of import contract that the linter lacks.

Both are its own kinds, told not to mind a module that is not built yet: a contract
can then be written with the architecture, before the room it guards.
"""

from typing import Any

from grimp import ImportGraph
from importlinter import ContractCheck
from importlinter.contracts.forbidden import ForbiddenContract
from importlinter.contracts.protected import ProtectedContract


def standing(modules: Any, graph: ImportGraph) -> Any:
    """Keep the modules that exist."""
    return [module for module in modules if module.expression in graph.modules]


class Pure(ForbiddenContract):
    """Files that import nothing of ours."""

    type_name = "pure"

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: FBT001 — the linter's signature
        self.source_modules = standing(self.source_modules, graph)
        return super().check(graph, verbose)


class Private(ProtectedContract):
    """Modules that only a few others may import."""

    type_name = "private"

    def check(self, graph: ImportGraph, verbose: bool) -> ContractCheck:  # noqa: FBT001 — the linter's signature
        self.protected_modules = standing(self.protected_modules, graph)
        self.allowed_importers = standing(self.allowed_importers, graph)
        return super().check(graph, verbose)
