"""A shop that fills the admin page of ``dbjobs admin --demo``: an invented month of jobs, and workers that go on."""
