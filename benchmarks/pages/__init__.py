"""How long the admin page takes beside a long history, and what it takes from the workers."""
