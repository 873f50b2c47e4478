package diag

// machineCodes are the codes of the runtime: loading, attaching, the machine.
var machineCodes = []Entry{}
