"""A shop whose jobs fill the admin page of ``dbjobs admin --demo``: a month that is made up, and workers that go on."""
