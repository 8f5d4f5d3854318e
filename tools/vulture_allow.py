"""Names that look unused to vulture and are not: who uses them is said beside each group."""

from hakobune.cli import auth, environment, graph, lint, locations, logging_read, logs, start, test
from hakobune.cli.apply import command as apply_command
from hakobune.cli.format.yaml_writer import _Dumper
from hakobune.cli.iam import accounts as iam_accounts
from hakobune.cli.iam import keys as iam_keys
from hakobune.cli.iam import policy as iam_policy
from hakobune.cli.jobs import deploy, execute, executions, jobs, policy, replace, tasks
from hakobune.cli.pubsub import messages, schemas, subscriptions, topics
from hakobune.cli.pubsub import policy as pubsub_policy
from hakobune.cli.scheduler import create as scheduler_create
from hakobune.cli.scheduler import preview as scheduler_preview
from hakobune.cli.scheduler import update as scheduler_update
from hakobune.cli.secrets import secrets, versions
from hakobune.cli.services import traffic as service_traffic
from hakobune.cli.storage import buckets, copying, listing, reading, removal, rsync, signing
from hakobune.cli.storage import objects as storage_objects
from hakobune.cli.worker_pools import worker_pools
from hakobune.cli.workflows import executions as workflow_executions
from hakobune.cli.workflows import history, workflows
from hakobune.core.objects.globs import _Options as _GlobOptions
from hakobune.core.pubsub.model import Encoding
from hakobune.core.schedules.model import HttpMethod, Overlap
from hakobune.core.services.model import ScalingMode
from hakobune.core.workflows.history import fold_history
from hakobune.core.workflows.stdlib.regular_expressions import _Options
from hakobune.engines.process.engine import ProcessEngine, _Connection
from hakobune.runtime.pubsub_cleaning import Cleaning as PubsubCleaning
from hakobune.sdk import __dir__, __getattr__, ledger, objects, reception_asgi, shutdown
from hakobune.servers.http.protocol import HttpConnection
from hakobune.store.api import WriteTx
from hakobune.store.workflows_api import ExecutionField
from hakobune.testing import pytest_plugin
from hakobune.testing.simulator import Outcome

# Commands, named in cli/commands.py by "module:NAME".
apply_command.APPLY
environment.ENV, lint.LINT, logging_read.READ, start.UP, test.TEST, execute.EXECUTE, replace.REPLACE
deploy.DEPLOY, deploy.CREATE, deploy.UPDATE
executions.LIST, executions.DESCRIBE_LATEST, executions.DELETE, jobs.LIST, jobs.DELETE, tasks.LIST
policy.GET, policy.SET, policy.ADD, policy.REMOVE
pubsub_policy.GET_TOPIC, pubsub_policy.SET_TOPIC, pubsub_policy.ADD_TOPIC, pubsub_policy.REMOVE_TOPIC
pubsub_policy.GET_SUBSCRIPTION, pubsub_policy.SET_SUBSCRIPTION
pubsub_policy.ADD_SUBSCRIPTION, pubsub_policy.REMOVE_SUBSCRIPTION
iam_policy.GET_ACCOUNT, iam_policy.SET_ACCOUNT, iam_policy.ADD_ACCOUNT, iam_policy.REMOVE_ACCOUNT
iam_policy.GET_PROJECT, iam_policy.SET_PROJECT, iam_policy.ADD_PROJECT, iam_policy.REMOVE_PROJECT
graph.GRAPH, workflows.REVISIONS, history.STEPS, history.CALLBACKS, history.SEND
workflow_executions.DESCRIBE_LAST, workflow_executions.WAIT_LAST
auth.PRINT_ACCESS_TOKEN, auth.PRINT_IDENTITY_TOKEN, auth.ROTATE
iam_accounts.CREATE, iam_accounts.LIST, iam_accounts.DELETE, iam_accounts.ENABLE, iam_accounts.DISABLE
iam_keys.CREATE, iam_keys.LIST, iam_keys.DELETE
secrets.CREATE, secrets.LIST, secrets.DELETE, versions.ADD, versions.ACCESS, versions.LIST, versions.DESTROY
versions.ENABLE, versions.DISABLE
copying.CP, copying.MV, listing.LS, listing.DU, reading.CAT, reading.HASH, removal.RM, rsync.RSYNC, signing.SIGN_URL
buckets.SERVICE_AGENT, storage_objects.COMPOSE
scheduler_create.CREATE_HTTP, scheduler_create.CREATE_PUBSUB, scheduler_preview.PREVIEW
scheduler_update.UPDATE_HTTP, scheduler_update.UPDATE_PUBSUB
locations.LIST_OF_JOBS, locations.DESCRIBE_OF_JOBS, locations.LIST_OF_TRIGGERS, locations.DESCRIBE_OF_TRIGGERS
messages.ACK, messages.MODIFY_DEADLINE, subscriptions.MODIFY_PUSH, topics.LIST_SUBSCRIPTIONS, topics.LIST_SNAPSHOTS
schemas.COMMIT, schemas.ROLLBACK, schemas.DELETE_REVISION
logs.READ_SERVICE, logs.TAIL_SERVICE, logs.READ_POOL, logs.TAIL_POOL
service_traffic.UPDATE_TRAFFIC, worker_pools.UPDATE_INSTANCE_SPLIT, worker_pools.LIST_REVISIONS
logs.LOGS, logs.READ_JOB, logs.READ_EXECUTION, logs.TAIL_JOB, logs.TAIL_EXECUTION, logs.READ, logs.TAIL

# Called by asyncio, httptools and PyYAML.
for protocol in (HttpConnection, _Connection):
    protocol.connection_made, protocol.connection_lost, protocol.data_received
HttpConnection.eof_received, HttpConnection.pause_writing, HttpConnection.resume_writing
HttpConnection.on_message_begin, HttpConnection.on_url, HttpConnection.on_header, HttpConnection.on_headers_complete
HttpConnection.on_body, HttpConnection.on_chunk_header, HttpConnection.on_message_complete
_Dumper.ignore_aliases

# Read by google-re2.
_Options.longest_match, _Options.log_errors, _Options.max_mem, _Options.never_capture
_GlobOptions.dot_nl, _GlobOptions.log_errors

# Chosen by their values, which are the words of the API: `orderBy=startTime desc`.
ExecutionField.EXECUTION_ID, ExecutionField.STATE, ExecutionField.START_TIME, ExecutionField.END_TIME
ExecutionField.REVISION

# The engine's seam for tools that hold attempts before an effect; its suite uses it.
ProcessEngine.hold, ProcessEngine.resume

# The SDK's public words, used by tasks and services.
__dir__, __getattr__, ledger.Ledger.do, objects.close_clients, shutdown.install, shutdown.finish_item
reception_asgi.ReceptionApp, reception_asgi.lifespan
reception_asgi.accept_response, reception_asgi.receipt_response, reception_asgi.events_response

# Called by pytest.
pytest_plugin.pytest_addoption, pytest_plugin.pytest_collect_file, pytest_plugin.pytest_terminal_summary
pytest_plugin.hakobune_workflow, pytest_plugin.CaseItem.runtest, pytest_plugin.CaseItem.reportinfo

# What a test compares of two runs of one seed, and a history in one go, which tests fold again and again.
Outcome.flow_ends, fold_history

# Enums that are made from texts of users.
Encoding.BINARY, HttpMethod.OPTIONS, Overlap.QUEUE, ScalingMode.AUTOMATIC

# Tests and benchmarks do at once what the loop does bit by bit.
PubsubCleaning.clean

# A picture that nobody needs any more, and its contents, go; tools and tests take pictures, the house does not.
WriteTx.forget_snapshot
