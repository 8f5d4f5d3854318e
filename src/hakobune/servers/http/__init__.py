"""HTTP/1.1 on asyncio, with httptools as the parser. See docs/decisions for why not an ASGI server."""
