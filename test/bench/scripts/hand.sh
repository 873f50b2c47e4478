# function_graph by hand: ROOT, patterns of the functions to instrument, and
# who reads: none or raw
set -f
cd /sys/kernel/tracing || exit
echo 8192 > buffer_size_kb
echo $2 > set_ftrace_filter
echo $1 > set_graph_function
echo function_graph > current_tracer
case $3 in
none) sleep 1000000 & ;;
raw) cat per_cpu/cpu0/trace_pipe_raw > /tmp/hand.raw & ;;
esac
reader=$!
trap 'kill $reader
	wait $reader
	echo nop > current_tracer
	echo > set_graph_function
	echo > set_ftrace_filter
	echo > trace
	rm -f /tmp/hand.raw
	exit 0' INT
wait
