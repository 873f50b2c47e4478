// Package accept holds the acceptance cases of probe: a script, a workload and
// what must come out, run with the finished command on real kernels.
//
// The cases are data, in testdata/*.cases; Parse reads them. A case looks so:
//
//	NAME  a map prints after the blank line pair
//	ROWS  A-EX-02 M-PRINT-01
//	PROG  begin { @ = 5; }
//	MAPS  @: 5
//
// A key is at the start of a line. Its value is the rest of the line or, if
// that is empty, the following lines that start with "|" and one blank (or
// nothing). A blank line ends a case; lines with "#" are comments.
//
//	NAME    what the case shows; unique in its file
//	ROWS    ids of the rows of the language that it covers
//	PROG    the script, given with -e
//	OPTS    words between "run" and "-e"
//	ARGS    words after the script
//	CMD     the whole command line after "probe", instead of PROG, OPTS, ARGS
//	FILE    NAME, then the lines of a file in the working directory
//	ENV     NAME=value words
//	STDIN   standard input of probe
//	USER    number of the user and group that probe runs as, instead of root
//	AS      name that probe is called by
//	RUN     the workload: words for ./workload, see there. It is started first
//	        and held until probe has attached; when it has ended, probe gets
//	        SIGINT
//	DO      what the driver does instead, one step a line, see Step
//	NEEDS   features of the kernel without which the case has no meaning;
//	        asked for, never deduced from the version (see package drive)
//	TIMEOUT how long the case may take (60s when not given: an emulated machine may be busy)
//	STDOUT  the program's output, before the blank lines of the end
//	MAPS    the output after the blank lines
//	STDERR  messages that must come on standard error, in this order
//	ERROR   a piece of an error message, in any case; once for each error
//	WARN    a piece of a warning, likewise; "+ piece" stands for one or more
//	STATUS  exit status (0; 1 when there is an ERROR)
//	SORT    the lines of "stdout" or "maps" may come in any order
//	RAW     STDOUT is all of the output, blank lines of the end included
//
// Words are split as a shell does, with quotes. <<pid>>, <<workload>>, <<dir>>
// and <<probe>> stand for the workload's process id and program, the working
// directory and probe's process id, in the command line and in what is
// expected; <<native>> for a program in C that the workload can run ("exec
// native …"), see native/native.c. <<native>>-pie is the same program, loaded at
// another address each time; it cannot use pointers that it was compiled with.
//
// STDOUT, MAPS and STDERR are compared byte by byte. A line "~ RE" matches a
// whole line by regular expression, a line "..." any number of lines, and a "\"
// at the end of a line stands for no line break. On standard error everything
// other than "Attached N probes" must be expected: a run that warns without
// reason fails.
package accept
