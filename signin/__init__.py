"""`make signin`: the gateway against a real OpenID provider."""
