package main

import "strings"

// allowed are the licences of modules that may be linked, as SPDX expressions:
// they ask for nothing but their notice.
var allowed = []string{"MIT", "BSD-2-Clause", "BSD-3-Clause", "Apache-2.0", "ISC", "Apache-2.0 AND BSD-3-Clause", "Apache-2.0 AND MIT", "Apache-2.0 AND BSD-3-Clause AND MIT", "BSD-3-Clause AND MIT", "0BSD"}

// texts has for each licence sentences that it alone, in this order, has all of.
// The first that fits is the licence.
var texts = []struct {
	id        string
	sentences []string
}{
	{"AGPL", []string{"GNU AFFERO GENERAL PUBLIC LICENSE"}},
	{"LGPL", []string{"GNU LESSER GENERAL PUBLIC LICENSE"}},
	{"GPL", []string{"GNU GENERAL PUBLIC LICENSE"}},
	{"MPL", []string{"Mozilla Public License"}},
	{"Apache-2.0 AND BSD-3-Clause AND MIT", []string{"Apache License", "Version 2.0, January 2004", "Permission is hereby granted, free of charge", "Redistributions in binary form", "Neither the name"}},
	{"Apache-2.0 AND BSD-3-Clause", []string{"Apache License", "Version 2.0, January 2004", "Redistributions in binary form", "Neither the name"}},
	{"Apache-2.0 AND MIT", []string{"Apache License", "Version 2.0, January 2004", "Permission is hereby granted, free of charge"}},
	{"Apache-2.0", []string{"Apache License", "Version 2.0, January 2004"}},
	{"BSD-3-Clause AND MIT", []string{"Redistributions in binary form", "Neither the name", "Permission is hereby granted, free of charge"}},
	{"BSD-3-Clause", []string{"Redistributions of source code", "Redistributions in binary form", "Neither the name"}},
	{"BSD-2-Clause", []string{"Redistributions of source code", "Redistributions in binary form"}},
	{"MIT", []string{"Permission is hereby granted, free of charge", "The above copyright notice and this permission notice"}},
	{"ISC", []string{"Permission to use, copy, modify, and/or distribute", "provided that the above copyright notice"}},
	{"0BSD", []string{"Permission to use, copy, modify, and/or distribute", "THE SOFTWARE IS PROVIDED"}},
}

// classify returns the SPDX identifier of a licence's text, "" if it is not
// known.
func classify(text string) string {
	flat := strings.ToLower(strings.Join(strings.Fields(text), " "))
	for _, t := range texts {
		all := true
		for _, s := range t.sentences {
			all = all && strings.Contains(flat, strings.ToLower(s))
		}
		if all {
			return t.id
		}
	}
	return ""
}
