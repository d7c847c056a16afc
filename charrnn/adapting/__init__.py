"""Networks that go on learning from what they read."""
