"""The pages: one module each. They call operations of the API, and templates show the answers."""
