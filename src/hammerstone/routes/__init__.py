"""The routes by which a request is answered, and the router that tries them in order of their cost."""

from hammerstone.routes.catalog import Catalog
from hammerstone.routes.contract import Answer, AnswerRoute, Asked, Refusal, text_of
from hammerstone.routes.last_routes import LabelerRoute, SolverRoute
from hammerstone.routes.one_call import OneCallRoute
from hammerstone.routes.parser_route import ParserRoute, ToolParserRoute
from hammerstone.routes.router import Routed, Router
from hammerstone.routes.side_by_side import SideBySide
from hammerstone.routes.task_finder import TaskFinder
from hammerstone.routes.user import ToolCard
from hammerstone.routes.user_route import ToolUserRoute, UserRoute

__all__ = [
    "Answer",
    "AnswerRoute",
    "Asked",
    "Catalog",
    "LabelerRoute",
    "OneCallRoute",
    "ParserRoute",
    "Refusal",
    "Routed",
    "Router",
    "SideBySide",
    "SolverRoute",
    "TaskFinder",
    "ToolCard",
    "ToolParserRoute",
    "ToolUserRoute",
    "UserRoute",
    "text_of",
]
