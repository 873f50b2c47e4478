// Command guestctl prepares and uses the guests of the tests by hand.
//
//	guestctl install                 install what the host lacks (Debian, root)
//	guestctl fetch [-refresh] [KERNEL...]   put kernels into the cache
//	guestctl available [KERNEL...]   say whether guests can run here
//	guestctl prepare [KERNEL...]     install and fetch, as far as possible
//	guestctl demo COMMAND [ARGUMENT...]     run a network case where it can run
//	guestctl run [FLAGS] KERNEL -- COMMAND [ARGUMENT...]
//	guestctl shell [FLAGS] KERNEL    a shell on a terminal in a guest
//
// Exit status: that of the command for run and shell; else 0, 1 for a failure
// and 2 for wrong usage.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	"probe/internal/guest"
	"probe/internal/guest/guesttest"
)

const usage = `usage:
  guestctl install
  guestctl fetch [-refresh] [KERNEL...]
  guestctl available [KERNEL...]
  guestctl prepare [KERNEL...]
  guestctl demo COMMAND [ARGUMENT...]
  guestctl run [FLAGS] KERNEL -- COMMAND [ARGUMENT...]
  guestctl shell [FLAGS] KERNEL
flags of run and shell: guestctl run -h
`

// errUsage is returned when the message was printed already.
var errUsage = errors.New("wrong usage")

func main() {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	code, err := run(ctx, os.Args[1:])
	stop()
	switch {
	case errors.Is(err, errUsage):
		code = 2
	case err != nil:
		fmt.Fprintf(os.Stderr, "guestctl: %v\n", err)
		code = max(code, 1)
	}
	os.Exit(code)
}

// run carries out one command line and returns the exit status.
func run(ctx context.Context, args []string) (int, error) {
	if len(args) == 0 {
		fmt.Fprint(os.Stderr, usage)
		return 2, errUsage
	}
	verb, args := args[0], args[1:]
	switch verb {
	case "install":
		return 0, install(ctx)
	case "fetch":
		return 0, fetch(ctx, args)
	case "available":
		return 0, guest.Available(ctx, kernels(args)...)
	case "prepare":
		return 0, prepare(ctx, args)
	case "demo":
		return demo(ctx, args)
	case "run", "shell":
		return inGuest(ctx, verb == "shell", args)
	case "-h", "-help", "--help", "help":
		fmt.Print(usage)
		return 0, nil
	}
	fmt.Fprintf(os.Stderr, "guestctl: no command %q\n%s", verb, usage)
	return 2, errUsage
}

// kernels returns the named kernels, or all when none is named.
func kernels(args []string) []string {
	if len(args) == 0 {
		return guest.KernelNames()
	}
	return args
}

// install installs what guests need on the host.
func install(ctx context.Context) error {
	names, err := guest.InstallHost(ctx)
	if err != nil {
		return err
	}
	if len(names) > 0 {
		fmt.Println("installed:", strings.Join(names, " "))
	}
	return nil
}

// fetch puts kernels into the cache and says where they are.
func fetch(ctx context.Context, args []string) error {
	flags := flag.NewFlagSet("fetch", flag.ContinueOnError)
	refresh := flags.Bool("refresh", false, "look for newer packages of kernels that are in the cache")
	if err := flags.Parse(args); err != nil {
		return errUsage
	}
	get := guest.Fetch
	if *refresh {
		get = guest.Refresh
	}
	for _, name := range kernels(flags.Args()) {
		k, err := get(ctx, name)
		if err != nil {
			return err
		}
		fmt.Printf("%-5s %-28s %s\n", k.Name, k.Release, k.Image)
	}
	return nil
}

// prepare does what tests need before they can use guests. Where that cannot
// be it says why, and what it means, and fails only if guests are required.
func prepare(ctx context.Context, args []string) error {
	switch {
	case len(args) == 0:
		args = strings.Fields(guesttest.DefaultKernels)
	case args[0] == "none":
		fmt.Println("guests: switched off; tests in guests are skipped")
		return nil
	case args[0] == "all":
		args = nil
	}
	err := install(ctx)
	if err == nil {
		err = guest.Available(ctx, kernels(args)...)
	}
	if err == nil {
		fmt.Println("guests: ready for kernels", strings.Join(kernels(args), ", "))
		return nil
	}
	if require := os.Getenv("PROBE_REQUIRE"); require != "" || ctx.Err() != nil {
		return err
	}
	fmt.Printf("guests: not available, so tests in guests are skipped: %v\n", err)
	return nil
}

// pairs is a flag of the form GUEST=HOST that may be repeated.
type pairs map[string]string

func (p pairs) String() string { return "" }

func (p pairs) Set(s string) error {
	at, host, ok := strings.Cut(s, "=")
	if !ok || !filepath.IsAbs(at) {
		return fmt.Errorf("%q is not of the form /path/in/guest=path/on/host", s)
	}
	p[at] = host
	return nil
}

// words is a flag whose value is a list of words.
type words []string

func (w *words) String() string { return strings.Join(*w, " ") }

func (w *words) Set(s string) error {
	*w = strings.Fields(strings.ReplaceAll(s, ",", " "))
	return nil
}

// inGuest boots a guest and runs a command or a shell in it.
func inGuest(ctx context.Context, shell bool, args []string) (int, error) {
	o := guest.Options{Files: make(map[string]string), Trees: make(map[string]string)}
	mods, programs := words(guest.NetworkModules()), words(guest.NetworkPrograms())
	flags := flag.NewFlagSet("run", flag.ContinueOnError)
	flags.Var(pairs(o.Files), "f", "copy a `guest=host` file into the guest; may be repeated")
	flags.Var(pairs(o.Trees), "tree", "copy a `guest=host` folder into the guest; may be repeated")
	flags.Var(&mods, "modules", "kernel `modules` to insert")
	flags.Var(&programs, "programs", "`programs` of the host to copy, with their libraries")
	flags.IntVar(&o.MemoryMB, "memory", 2048, "memory in `MB`")
	flags.IntVar(&o.SMP, "smp", guest.DefaultSMP, "number of `processors`")
	flags.BoolVar(&o.Icount, "icount", false, "let the clock count instructions, on one processor")
	flags.BoolVar(&o.NoKVM, "emulate", false, "emulate the processor even where virtualisation works")
	flags.StringVar(&o.Params, "params", "", "more kernel `parameters`")
	probe := flags.Bool("probe", false, "build probe and put it at /bin/probe")
	console := flags.Bool("console", false, "show the guest's console on standard error")
	dir := flags.String("dir", "/", "working `folder` of the command")
	timeout := flags.Duration("timeout", 10*time.Minute, "how long the command may run")
	if err := flags.Parse(args); err != nil {
		return 2, errUsage
	}
	rest := flags.Args()
	if len(rest) > 0 {
		o.Kernel, rest = rest[0], rest[1:]
	}
	if len(rest) > 0 && rest[0] == "--" {
		rest = rest[1:]
	}
	if o.Kernel == "" || shell != (len(rest) == 0) {
		fmt.Fprint(os.Stderr, usage)
		return 2, errUsage
	}
	o.Modules, o.Programs = mods, programs
	if *console {
		o.Console = os.Stderr
	}
	if *probe {
		p, err := guest.BuildProgram(ctx, "./cmd/probe")
		if err != nil {
			return 1, err
		}
		o.Files["/bin/probe"] = p
	}
	g, err := guest.Boot(ctx, o)
	if err != nil {
		return 1, err
	}
	var code int
	if shell {
		code, err = runShell(ctx, g)
	} else {
		var res guest.Result
		res, err = g.Run(ctx, guest.Cmd{Args: rest, Dir: *dir, Timeout: *timeout, Stdout: os.Stdout, Stderr: os.Stderr})
		code = status(res)
	}
	if end := g.Close(); err == nil {
		err = end
	}
	return code, err
}

// status returns what a shell would make of a result.
func status(res guest.Result) int {
	if res.Signal != 0 {
		return 128 + res.Signal
	}
	return res.Code
}
