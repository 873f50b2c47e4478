package syntax

// The heads of items are read by participle, whose messages name tokens and
// grammar rules. As each head is one straight sequence, the token before the
// wrong one determines what was expected. The table below says so in words a
// user knows. The empty key stands for the item's keyword.

type expectation struct{ what, help string }

// expectations maps an item kind and the class of the token before (see
// classOf) to what may follow.
var expectations = map[itemKind]map[string]expectation{
	itemConfig: {
		"config": {"`=`", "write `config = { name = value; … }`"},
		"{":      {"a setting like `max_strlen = 64`, or `}`", ""},
		"word":   {"`=`", ""},
		"value":  {"`;` or `}`", "settings are separated by `;`"},
		";":      {"a setting like `max_strlen = 64`, or `}`", ""},
		"}":      {"the end of the config block", ""},
	},
	itemImport: {
		"import": {wantModule, "write `import \"net\";`"},
		"string": {"`;`", ""},
	},
	itemMapDecl: {
		"let":  {"a map like `@seen`", "write `let @seen = lruhash(1024);`"},
		"map":  {"`=`", "write `let @seen = lruhash(1024);`"},
		"=":    {"the kind of the map, like `hash` or `lruhash`", "write `let @seen = lruhash(1024);`"},
		"word": {"`(` and the number of entries", "write `let @seen = lruhash(1024);`"},
		"(":    {"the number of entries", ""},
		"":     {"`)`", ""},
	},
	itemMacro: {
		"macro": {"the name of the macro", ""},
		"name":  {"`(`", "the parentheses are needed even without parameters: `macro name() { … }`"},
		"(":     {"a parameter, or `)`", "parameters are `$v` for a variable, `@m` for a map, `e` for any expression"},
		",":     {"a parameter", ""},
		"param": {"`,` or `)`", ""},
		")":     {"`{` and the body of the macro", ""},
	},
	itemFn: {
		"fn":   {"the name of the function", ""},
		"name": {"`(`", "write `fn name($a : int64) : int64 { … }`"},
		"(":    {"a parameter like `$a : int64`, or `)`", ""},
		",":    {"a parameter like `$a : int64`", ""},
		"var":  {"`:` and the type of the parameter", ""},
		")":    {"`:` and the type of the result", "write `fn name($a : int64) : int64 { … }`"},
		"":     {"`,`, `)` or the body of the function", ""},
	},
	itemNamedProbe: {
		"probe":  {"the name of the probe", "write `probe name = kprobe:vfs_read;`"},
		"name":   {"`=`", "write `probe name = kprobe:vfs_read;`"},
		"=":      {"an attach point", ""},
		"|":      {"an attach point", ""},
		"attach": {"`|` or `;`", ""},
	},
	itemProbe: {
		"":       {"a probe, like `kprobe:vfs_read { … }`", ""},
		"attach": {"`{`, `/` or `,` after the attach point", ""},
		",":      {"an attach point or `{`", ""},
		"|":      {"an attach point", ""},
		"pred":   {wantPredicate, ""},
		"/":      {"`{` and the body of the probe", ""},
	},
}

// classOf returns the table's key for the token before the wrong one.
func (p *parser) classOf(kind itemKind, i int) string {
	if i < 0 {
		return ""
	}
	t := &p.toks[i]
	switch t.Type {
	case tKeyword, tOp:
		if kind == itemProbe && t.Value != "," && t.Value != "|" {
			return "pred"
		}
		return t.Value
	case tAttach:
		return "attach"
	case tName:
		return "name"
	case tPredClose:
		return "/"
	case tString:
		if kind == itemConfig {
			return "value"
		}
		return "string"
	case tMap:
		if kind == itemMacro {
			return "param"
		}
		return "map"
	case tVar:
		if kind == itemMacro {
			return "param"
		}
		return "var"
	case tIdent:
		switch {
		case i == 1 && (kind == itemMacro || kind == itemFn):
			return "name"
		case kind == itemMacro:
			return "param"
		case kind == itemConfig && isOp(&p.toks[i-1], "="):
			return "value"
		case kind == itemConfig || kind == itemMapDecl:
			return "word"
		}
	case tInt:
		if kind == itemConfig {
			return "value"
		}
	}
	if kind == itemProbe {
		return "pred"
	}
	return ""
}

// reportHead reports the next token as the wrong one in an item's head.
func (p *parser) reportHead(kind itemKind) {
	t := p.tok()
	if kind == itemMapDecl && p.sc.rootVar {
		p.report("root-let", p.at(p.sc.start, p.sc.pos).At, "only map declarations are allowed outside of probes").
			WithCompat("root-level let statements need to be map declarations, e.g. let @a = hash(2);").CompatAt(p.at(p.sc.start, p.sc.start+len("let")).At).
			WithRow("L-PROG-05").
			WithLabel("a variable only exists during one run of one probe").
			WithHelp("set it inside the probe, or keep the value in a map: `begin { @x = 1; }`")
		return
	}
	want, ok := expectations[kind][p.classOf(kind, p.i-1)]
	if !ok {
		want, ok = expectations[kind][""]
	}
	if !ok {
		want.what = "something else"
	}
	d := p.expected(want.what)
	if want.help != "" {
		d.WithHelp("%s", want.help)
	}
	if kind == itemProbe {
		p.helpProbe(d, t)
	}
}
