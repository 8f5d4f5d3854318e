"""Tests of workflows without a server, without a network and without waiting."""

from hakobune.core.workflows.effects import Trouble
from hakobune.testing.workflows.mocks import Mock, Request, Response, Scripted
from hakobune.testing.workflows.runs import CallbackCall, Workflow, WorkflowRun

__all__ = ["CallbackCall", "Mock", "Request", "Response", "Scripted", "Trouble", "Workflow", "WorkflowRun"]
