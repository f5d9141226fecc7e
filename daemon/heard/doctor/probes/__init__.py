"""The shells of `heard doctor`: each looks at one thing, within a time limit, and changes nothing."""
