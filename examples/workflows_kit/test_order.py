"""The same workflow, tested from Python: run it with `pytest examples/workflows_kit`."""

from collections.abc import Callable

from hakobune.testing.workflows import Mock, Response, Trouble, Workflow

STOCK = Mock(url="https://stock.example/*", answers=[Response(json={"left": 3, "price": 4})])


def test_given_a_broken_connection_when_paying_then_it_is_tried_again(
    hakobune_workflow: Callable[[str], Workflow],
) -> None:
    workflow = hakobune_workflow("order.yaml")
    pay = Mock(step="pay", answers=[Response(error=Trouble.CONNECTION), Response(json={"id": "p-1"})])
    run = workflow.run({"id": "o-1", "item": "tea", "count": 1}, mocks=[STOCK, pay])
    assert run.result == {"state": "PAID", "payment": "p-1"}
    assert run.waits == [1.0, 2_592_000.0]
