"""dbjobs under the scenarios, and its workers."""
