"""`saga drill`: makes the incidents of the runbooks on the local stack, for people to practise."""
