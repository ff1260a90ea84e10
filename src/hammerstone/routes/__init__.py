"""The routes by which a request is answered, and the router that tries them in order of their cost."""

from __future__ import annotations

from typing import TYPE_CHECKING

from hammerstone.lazy_names import lazy_names

if TYPE_CHECKING:
    from hammerstone.routes.catalog import Catalog
    from hammerstone.routes.contract import Answer, AnswerRoute, Asked, Refusal, text_of
    from hammerstone.routes.dispatcher import KnownTask, NewTask, choose_task, dispatch
    from hammerstone.routes.kinds import Kind
    from hammerstone.routes.kinds_of_tasks import KindsOfTasks
    from hammerstone.routes.last_routes import LabelerRoute, SolverRoute
    from hammerstone.routes.one_call import TOOLS_SHOWN, OneCallRoute, nearest_tools
    from hammerstone.routes.parser_route import ParserRoute, ToolParserRoute
    from hammerstone.routes.router import Routed, Router
    from hammerstone.routes.side_by_side import SideBySide
    from hammerstone.routes.solver import chat_prompt, read_answer, second_opinion, solve, solver_prompt
    from hammerstone.routes.task_finder import TaskFinder
    from hammerstone.routes.user import MODEL_REFUSED, ToolCard
    from hammerstone.routes.user_route import ToolUserRoute, UserRoute
else:
    __getattr__ = lazy_names(
        __name__,
        {
            "catalog": "Catalog",
            "contract": "Answer AnswerRoute Asked Refusal text_of",
            "dispatcher": "KnownTask NewTask choose_task dispatch",
            "kinds": "Kind",
            "kinds_of_tasks": "KindsOfTasks",
            "last_routes": "LabelerRoute SolverRoute",
            "one_call": "OneCallRoute TOOLS_SHOWN nearest_tools",
            "parser_route": "ParserRoute ToolParserRoute",
            "router": "Routed Router",
            "side_by_side": "SideBySide",
            "solver": "chat_prompt read_answer second_opinion solve solver_prompt",
            "task_finder": "TaskFinder",
            "user": "MODEL_REFUSED ToolCard",
            "user_route": "ToolUserRoute UserRoute",
        },
    )

__all__ = [  # noqa: RUF022 - in plain order, as every package's
    "Answer",
    "AnswerRoute",
    "Asked",
    "Catalog",
    "Kind",
    "KindsOfTasks",
    "KnownTask",
    "LabelerRoute",
    "MODEL_REFUSED",
    "NewTask",
    "OneCallRoute",
    "ParserRoute",
    "Refusal",
    "Routed",
    "Router",
    "SideBySide",
    "SolverRoute",
    "TOOLS_SHOWN",
    "TaskFinder",
    "ToolCard",
    "ToolParserRoute",
    "ToolUserRoute",
    "UserRoute",
    "chat_prompt",
    "choose_task",
    "dispatch",
    "nearest_tools",
    "read_answer",
    "second_opinion",
    "solve",
    "solver_prompt",
    "text_of",
]
