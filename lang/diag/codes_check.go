package diag

// checkCodes are the codes of lang/check: names, types, probes, resources.
var checkCodes = []Entry{}
