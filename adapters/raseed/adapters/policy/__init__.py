"""Commercial profiles: data files, and the one reader that turns them into a `Policy`."""
