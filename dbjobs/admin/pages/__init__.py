"""The pages: one module each. They ask operations of the API, and templates show the answers."""
