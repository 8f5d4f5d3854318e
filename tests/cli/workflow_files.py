"""Definitions that the tests of `hakobune workflows` deploy and run."""

SUM = """\
main:
  params: [args]
  steps:
    - init:
        assign:
          - total: 0
    - loop:
        for:
          value: i
          range: [1, "${args.n}"]
          steps:
            - add:
                assign:
                  - total: ${total + i}
    - done:
        return: ${total}
"""

FAILS = """\
main:
  steps:
    - boom:
        raise: "went wrong"
"""

# Two things are wrong; both must be told.
BAD = """\
main:
  steps:
    - one:
        assign:
          - n: ${nope + 1}
    - two:
        call: foo.bar
"""

SLEEPS = """\
main:
  steps:
    - nap:
        call: sys.sleep
        args: {seconds: 3600}
"""

CALLBACK = """\
main:
  steps:
    - open:
        call: events.create_callback_endpoint
        args: {http_callback_method: POST}
        result: endpoint
    - tell:
        call: sys.log
        args: {text: '${"URL " + endpoint.url}', severity: NOTICE}
    - wait:
        call: events.await_callback
        args: {callback: "${endpoint}", timeout: 60}
        result: request
    - done:
        return: ${request.http_request.body}
"""
