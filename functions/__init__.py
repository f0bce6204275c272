"""Entry points: parse the request, call one verb, answer."""
