"""The service's HTTP interface: routes parse and delegate, one handler renders errors."""
