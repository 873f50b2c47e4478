package main

import (
	"fmt"
	"strings"

	"probe/cmd/front/cli"
	"probe/lang/hir"
	"probe/lang/syntax"
	"probe/runtime/engine"
)

// stages lists the stages that dump can show, in the order in which the
// compiler runs them.
var stages = []string{"ast", "types", "hir", "ir-lowered", "ir", "bpf"}

var dumpCommand = &command{
	Command: cli.Command{
		Name: "dump", Usage: []string{"[--stage STAGE] SCRIPT [params]", "[--stage STAGE] -e 'PROGRAM' [params]"},
		Summary: "show a stage of the compiler as text", Max: -1, Script: true, Complete: completeScripts,
		About: "Compiles a script up to a stage and prints what it is there: the tree (ast), the types of names (types), the typed tree (hir), " +
			"the intermediate code before and after its optimisation (ir-lowered, ir), or the instructions for the kernel (bpf).",
		Examples: []cli.Example{
			{Command: `probe dump -e 'begin { @ = 1; }'`, About: "Prints the instructions."},
			{Command: "probe dump --stage types script.pr", About: "Prints the types of maps, variables and arguments."},
		},
		SeeAlso: []string{"check", "run"},
	},
	run: dumpStage, elsewhere: true,
}

func dumpStage(o *options, std stdio) int {
	if o.stage == "" {
		o.stage = "bpf"
	}
	// The tree needs no types and so no kernel: it can be shown for a script
	// that does not compile here.
	if o.stage == "ast" {
		f, _, err := readScript(o, std)
		if err != nil {
			fail(std, unreadable(err))
			return exitUsage
		}
		tree, list := engine.Parse(o.script(f, nil))
		o.show(std, list)
		if tree == nil {
			return status(list)
		}
		fmt.Fprint(std.out, syntax.Dump(tree))
		return exitOK
	}
	checked, code := frontEnd(o, std)
	if checked == nil {
		return code
	}
	switch o.stage {
	case "types":
		dumpTypes(checked.Program, std)
		return exitOK
	case "hir":
		checked.Program.Dump(std.out)
		return exitOK
	}
	compiled, list := engine.Compile(checked, engine.CompileOptions{Dump: func(stage, program, text string) {
		// The compiler dumps every stage; only the requested one is printed.
		if stage == o.stage {
			fmt.Fprintf(std.out, "; %s\n%s\n", program, strings.TrimRight(text, "\n"))
		}
	}})
	o.show(std, list)
	if compiled == nil {
		return status(list)
	}
	return exitOK
}

// dumpTypes prints the types that the checker has found: those of maps,
// variables, arguments and results.
func dumpTypes(p *hir.Script, std stdio) {
	for _, m := range p.Maps {
		key := ""
		if m.Key != nil {
			key = "[" + m.Key.String() + "]"
		}
		fmt.Fprintf(std.out, "@%s%s: %s\n", m.Name, key, m.Value)
	}
	for _, b := range p.Probes {
		fmt.Fprintf(std.out, "%s\n", b.Site.Name)
		for _, a := range b.Site.Args {
			fmt.Fprintf(std.out, "  args.%s: %s\n", a.Name, a.Type)
		}
		if b.Site.Ret != nil {
			fmt.Fprintf(std.out, "  retval: %s\n", b.Site.Ret.Type)
		}
		for _, v := range b.Vars {
			if v.Name != "" {
				fmt.Fprintf(std.out, "  $%s: %s\n", v.Name, v.Type)
			}
		}
	}
}
