"""Writes the JSON schemas for editors, `docs/schema/*.schema.json`, from our own tables; `--check` only compares.

A schema is looser than the check of `hakobune lint`: it completes and explains while somebody writes.
"""

from __future__ import annotations

import json
import sys
from pathlib import Path

from hakobune.cli.apply.bucket_kind import FIELDS as BUCKET_FIELDS
from hakobune.cli.apply.table import KINDS
from hakobune.core.workflows import limits
from hakobune.core.workflows.connectors.methods import services
from hakobune.core.workflows.effects import Trouble
from hakobune.core.workflows.stdlib import library
from hakobune.core.workflows.stdlib.http_requests import METHODS
from hakobune.core.workflows.stdlib.registry import LibraryFunction
from hakobune.core.workflows.stdlib.system import SEVERITIES
from hakobune.testing.workflows import case_files
from hakobune.wire import run_v1_resident_schema, run_v1_schema
from hakobune.wire.eventarc_v1_schema import TRIGGER
from hakobune.wire.pubsub_v1_schema import SUBSCRIPTION, TOPIC
from hakobune.wire.scheduler_v1_schema import JOB as SCHEDULE
from hakobune.wire.schema import Choice, FieldType, ListOf, MapOf, Message, Scalar
from hakobune.wire.secrets_v1 import SECRET
from hakobune.wire.workflows_v1_schema import WORKFLOW

FOLDER = Path(__file__).resolve().parent.parent / "docs" / "schema"
DRAFT = "http://json-schema.org/draft-07/schema#"
ID = "https://github.com/hakobune/hakobune/blob/main/docs/schema"

EXPRESSION = {"type": "string", "pattern": r"^\s*\$\{[\s\S]*\}\s*$"}
NUMBER = {"anyOf": [{"type": "number"}, {"$ref": "#/definitions/expression"}]}
NAME = {"type": "string", "pattern": "^[A-Za-z_][A-Za-z0-9_]*$"}
STEPS = {"$ref": "#/definitions/steps"}
NEXT = {"type": ["string", "number"], "description": "The step to go on with, or end, break, continue."}


def main() -> int:
    """Write or compare."""
    is_check = "--check" in sys.argv
    stale: list[str] = []
    FOLDER.mkdir(parents=True, exist_ok=True)
    schemas = {"workflow": workflow_schema(), "workflow_test": case_file_schema(), "apply": apply_schema()}
    for name, schema in schemas.items():
        path = FOLDER / f"{name}.schema.json"
        text = json.dumps({"$schema": DRAFT, "$id": f"{ID}/{path.name}", **schema}, indent=1, ensure_ascii=False) + "\n"
        if is_check and (not path.exists() or path.read_text(encoding="utf-8") != text):
            stale.append(path.name)
        elif not is_check:
            path.write_text(text, encoding="utf-8")
    if stale:
        print(f"not as the tables say: {', '.join(stale)}; run make docs")
    return 1 if stale else 0


# -- workflows --------------------------------------------------------------------------------------------------


def workflow_schema() -> dict:
    """The schema of a definition."""
    routine = {
        "type": "object",
        "properties": {
            "params": {
                "description": "Names, or a name with its default.",
                "type": ["array", "null"],
                "maxItems": limits.PARAMETERS_PER_ROUTINE,
                "items": {"anyOf": [NAME, {"type": "object", "minProperties": 1, "maxProperties": 1}]},
            },
            "steps": STEPS,
        },
        "required": ["steps"],
        "additionalProperties": False,
    }
    return {
        "title": "A workflow",
        "anyOf": [
            STEPS,
            {
                "type": "object",
                "properties": {"main": {"$ref": "#/definitions/routine"}},
                "required": ["main"],
                "additionalProperties": {"$ref": "#/definitions/routine"},
            },
        ],
        "definitions": {
            "expression": EXPRESSION,
            "routine": routine,
            "steps": {
                "type": "array",
                "minItems": 1,
                "items": {
                    "type": "object",
                    "minProperties": 1,
                    "maxProperties": 1,
                    "additionalProperties": {"$ref": "#/definitions/step"},
                },
            },
            "step": {"anyOf": [*bodies(with_next=True), _object({"next": NEXT}, ["next"])]},
            "body": {"anyOf": bodies(with_next=False)},
            "case": {
                "anyOf": [
                    _with_condition(body)
                    for body in [*bodies(with_next=True), _object({"next": NEXT}, []), _object({}, [])]
                ]
            },
            "for": _for(),
            "callee": _callee(),
            "arguments": {"allOf": [_arguments(function) for function in _functions()]},
        },
    }


def bodies(*, with_next: bool) -> list[dict]:
    """What a step can do, each with what may stand beside it."""
    last = {"next": NEXT} if with_next else {}
    call = _object(
        {"call": {"$ref": "#/definitions/callee"}, "args": {}, "result": {"type": "string"}, **last}, ["call"]
    )
    call["allOf"] = [{"$ref": "#/definitions/arguments"}]
    return [
        _object({"assign": _assign(), **last}, ["assign"]),
        call,
        _object(
            {
                "switch": {
                    "type": "array",
                    "minItems": 1,
                    "maxItems": limits.CONDITIONS_PER_SWITCH,
                    "items": {"$ref": "#/definitions/case"},
                },
                **last,
            },
            ["switch"],
        ),
        _object({"for": {"$ref": "#/definitions/for"}, **last}, ["for"]),
        _object({"parallel": _parallel(), **last}, ["parallel"]),
        _object(
            {"try": {"anyOf": [{"$ref": "#/definitions/body"}, STEPS]}, "retry": _retry(), "except": _except(), **last},
            ["try"],
        ),
        _object({"raise": {}, **last}, ["raise"]),
        _object({"return": {}, **last}, ["return"]),
        _object({"steps": STEPS, **last}, ["steps"]),
    ]


def _with_condition(body: dict) -> dict:
    properties = {"condition": {"anyOf": [{"type": "boolean"}, {"$ref": "#/definitions/expression"}]}}
    return {
        **body,
        "properties": {**properties, **body["properties"]},
        "required": ["condition", *body.get("required", [])],
    }


def _object(properties: dict, required: list[str]) -> dict:
    return {"type": "object", "properties": properties, "required": required, "additionalProperties": False}


def _assign() -> dict:
    return {
        "type": "array",
        "minItems": 1,
        "maxItems": limits.ASSIGNMENTS_PER_STEP,
        "items": {"type": "object", "minProperties": 1, "maxProperties": 1},
    }


def _callee() -> dict:
    names = sorted(function.name for function in _functions())
    connectors = "|".join(name.replace(".", r"\.") for name in services())
    return {
        "description": "A function of the library, a connector or a subworkflow.",
        "anyOf": [
            {"enum": names},
            {"type": "string", "pattern": rf"^googleapis\.({connectors})\."},
            {"type": "string", "pattern": r"^(?!googleapis\.)[A-Za-z_][A-Za-z0-9_.]*$"},
        ],
    }


def _functions() -> list[LibraryFunction]:
    found = [library.find(name) for name in sorted(library.names())]
    return [function for function in found if function is not None]


def _arguments(function: LibraryFunction) -> dict:
    """Where this function is called: the names of its arguments, or a list, or one expression."""
    known = {"method": {"anyOf": [{"enum": list(METHODS)}, {"$ref": "#/definitions/expression"}]}}
    if function.name == "sys.log":
        known = {"severity": {"anyOf": [{"enum": list(SEVERITIES)}, {"$ref": "#/definitions/expression"}]}}
    named = {
        "type": "object",
        "properties": {parameter.name: known.get(parameter.name, {}) for parameter in function.parameters},
        "required": [parameter.name for parameter in function.parameters if parameter.is_required],
        "additionalProperties": function.is_open,
    }
    positional = {"type": "array", "maxItems": len(function.parameters)}
    return {
        "if": {"properties": {"call": {"const": function.name}}, "required": ["call", "args"]},
        "then": {
            "properties": {
                "args": {"anyOf": [named, positional, {"$ref": "#/definitions/expression"}, {"type": "null"}]}
            }
        },
    }


def _for() -> dict:
    bounds = {"type": "array", "minItems": 2, "maxItems": 2}
    properties = {
        "value": NAME,
        "index": NAME,
        "in": {},
        "range": {"anyOf": [bounds, {"$ref": "#/definitions/expression"}]},
        "steps": STEPS,
    }
    loop = _object(properties, ["value", "steps"])
    loop["anyOf"] = [{"required": ["in"]}, {"required": ["range"]}]
    return loop


def _parallel() -> dict:
    branch = {
        "type": "object",
        "minProperties": 1,
        "maxProperties": 1,
        "additionalProperties": _object({"steps": STEPS}, ["steps"]),
    }
    properties = {
        "exception_policy": {"enum": ["continueAll"]},
        "shared": {"type": "array", "items": NAME},
        "concurrency_limit": NUMBER,
        "branches": {"type": "array", "minItems": 1, "maxItems": limits.BRANCHES_PER_STEP, "items": branch},
        "for": {"$ref": "#/definitions/for"},
    }
    parallel = _object(properties, [])
    parallel["anyOf"] = [{"required": ["branches"]}, {"required": ["for"]}]
    return parallel


def _retry() -> dict:
    backoff = _object({"initial_delay": NUMBER, "max_delay": NUMBER, "multiplier": NUMBER}, [])
    block = _object(
        {
            "predicate": {"$ref": "#/definitions/expression"},
            "max_retries": NUMBER,
            "backoff": {"anyOf": [backoff, {"$ref": "#/definitions/expression"}]},
        },
        ["predicate", "max_retries"],
    )
    return {"anyOf": [block, {"$ref": "#/definitions/expression"}]}


def _except() -> dict:
    return _object({"as": NAME, "steps": STEPS}, ["steps"])


# -- files of cases ---------------------------------------------------------------------------------------------


def case_file_schema() -> dict:
    """The schema of a file of cases."""
    duration = {
        "anyOf": [{"type": "number", "minimum": 0}, {"type": "string", "pattern": r"^(\d+(\.\d+)?(ms|s|m|h|d))+$"}]
    }
    texts = {"type": "object"}
    names = {"type": "array", "items": {"type": "string"}}
    calls = {"type": "array", "items": {"anyOf": [{"type": "string"}, {"$ref": "#/definitions/call"}]}}
    whole = {"type": "integer", "minimum": 0}
    known = {
        "workflow": {"type": "string", "description": "The file of the definition, beside this one."},
        "env": texts,
        "mocks": {"type": "array", "items": {"$ref": "#/definitions/mock"}},
        "cases": {"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/case"}},
        "name": {"type": "string"},
        "callbacks": {"type": "array", "items": {"$ref": "#/definitions/callback"}},
        "cancel_after": duration,
        "expect": {"$ref": "#/definitions/expect"},
        "status": {"type": "integer", "minimum": 100, "maximum": 599},
        "text": {"type": ["string", "number", "boolean"]},
        "headers": texts,
        "query": texts,
        "delay": duration,
        "python": {"type": "string", "pattern": ":", "description": "FILE.py:FUNCTION or MODULE:FUNCTION."},
        "times": whole,
        "step": {"type": "string", "description": "The name of a step, or routine.step."},
        "url": {"type": "string", "description": "An address; * is any text. 'POST https://…' names the method too."},
        "method": {"enum": [*METHODS, "CALLBACK"]},
        "detail": {"type": "string"},
        "answers": {"type": "array", "minItems": 1, "items": {"$ref": "#/definitions/answer"}},
        "after": duration,
        "endpoint": whole,
        "tags": names,
        "message": {"type": "string"},
        "code": whole,
        "severity": {"enum": list(SEVERITIES)},
        "cancelled": {"type": "boolean"},
        **dict.fromkeys(("calls", "calls_any_order", "calls_include"), calls),
        **dict.fromkeys(("steps", "steps_exactly", "steps_not"), names),
        "logs": {"type": "array", "items": {"anyOf": [{"type": "string"}, {"$ref": "#/definitions/log"}]}},
        "waits": {"type": "array", "items": duration},
        "duration": duration,
        "max_steps": whole,
    }

    def of(keys: tuple[str, ...], required: list[str], **own: dict) -> dict:
        return _object({key: own.get(key, known.get(key, {})) for key in keys}, required)

    trouble = {"enum": [trouble.value for trouble in Trouble]}
    error = {"anyOf": [{"type": "string"}, of(case_files.ERROR_KEYS, [])]}
    mock = of(case_files.MOCK_KEYS, [], error=trouble)
    mock["anyOf"] = [{"required": ["step"]}, {"required": ["url"]}]
    return {
        "title": "Cases of a workflow",
        **of(case_files.FILE_KEYS, ["workflow", "cases"]),
        "definitions": {
            "case": of(case_files.CASE_KEYS, []),
            "mock": mock,
            "answer": of(case_files.ANSWER_KEYS, [], error=trouble),
            "callback": of(case_files.CALLBACK_KEYS, ["after"]),
            "expect": of(case_files.EXPECT_KEYS, [], error=error),
            "call": of(case_files.CALL_KEYS, []),
            "log": of(case_files.LOG_KEYS, []),
        },
    }


# -- definitions of `hakobune apply` ------------------------------------------------------------------------------


def apply_schema() -> dict:
    """The schema of a document that `hakobune apply` takes: its kind says which fields it has."""
    kinds = {
        "Job": {**_fields(run_v1_schema.JOB), "apiVersion": {"const": "run.googleapis.com/v1"}},
        "Service": {**_fields(run_v1_resident_schema.SERVICE), "apiVersion": {"const": "serving.knative.dev/v1"}},
        "WorkerPool": {**_fields(run_v1_resident_schema.WORKER_POOL), "apiVersion": {"const": "run.googleapis.com/v1"}},
        "Workflow": {**_fields(WORKFLOW, "sourceContents"), "source": TEXT},
        "Schedule": {**_fields(SCHEDULE, "appEngineHttpTarget"), "state": {"enum": ["ENABLED", "PAUSED"]}},
        "Trigger": _fields(TRIGGER, "etag"),
        "Bucket": {field: {} for field in sorted(BUCKET_FIELDS)} | {"name": TEXT, "location": TEXT, "labels": TEXTS},
        "Topic": _fields(TOPIC),
        "Subscription": _fields(SUBSCRIPTION),
        "Secret": {**_fields(SECRET, "etag", "ttl"), "valueFrom": VALUE_FROM},
        "ServiceAccount": {"name": TEXT, "displayName": TEXT, "description": TEXT},
    }
    return {
        "title": "A definition for hakobune apply",
        "type": "object",
        "properties": {"kind": {"enum": list(KINDS)}},
        "required": ["kind"],
        "allOf": [_if_kind(kind, kinds[kind]) for kind in KINDS],
    }


TEXT = {"type": "string"}
TEXTS = {"type": "object", "additionalProperties": TEXT}
VALUE_FROM = {
    "description": "Where the value is; it is never written here.",
    "anyOf": [_object({"env": TEXT}, ["env"]), _object({"file": TEXT}, ["file"])],
}
SCALARS = {
    Scalar.TEXT: TEXT,
    Scalar.FLAG: {"type": "boolean"},
    Scalar.INT32: {"type": "integer"},
    Scalar.INT64: {"type": ["integer", "string"]},
    Scalar.DURATION: {"type": "string", "pattern": r"^-?\d+(\.\d+)?s$"},
    Scalar.TIMESTAMP: TEXT,
    Scalar.ANYTHING: {},
}


def _if_kind(kind: str, fields: dict) -> dict:
    named = ["metadata"] if "metadata" in fields else ["name"]
    return {
        "if": {"properties": {"kind": {"const": kind}}, "required": ["kind"]},
        "then": _object({**fields, "kind": {"const": kind}}, ["kind", *named]),
    }


def _fields(message: Message, *left_out: str) -> dict:
    """The fields that a definition may say, each with its schema."""
    said = (name for name in message.fields if name not in message.output_only and name not in left_out)
    return {name: _field(message.fields[name]) for name in said}


def _field(kind: FieldType) -> dict:
    match kind:
        case Scalar():
            return SCALARS[kind]
        case Choice():
            return {"enum": [name for name in kind.names if name is not None]}
        case ListOf():
            return {"type": "array", "items": _field(kind.item)}
        case MapOf():
            return TEXTS
        case Message():
            return _object(_fields(kind), [])


if __name__ == "__main__":
    sys.exit(main())
