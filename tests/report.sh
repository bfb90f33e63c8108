# SPDX-License-Identifier: Apache-2.0
# report.sh - sourced: how every kind of test tells what came of it.
#
# report PASSED FAILED SECONDS NAME [LOG]
#	One line for people, one in $RESULTS for the sum, and one in $TIMES.
#	Kinds of tests that run beside each other append to the same files, a
#	line at a time.  SECONDS may be empty: not measured.  A failure shows the
#	end of its log.
RESULTS=${RESULTS:-$BUILDS/results}
TIMES=${TIMES:-$LAB_LOG/times}

report() {
	local passed=$1 failed=$2 seconds=$3 name=$4 log=${5-} word=ok

	[ "$failed" = 0 ] || word=FAILED
	{
		printf '%-6s %s%s%s\n' $word "$name" "${seconds:+, $seconds s}" \
			"$([ $((passed + failed)) -le 1 ] ||
			echo ", $((passed + failed)) cases")"
		if [ "$failed" != 0 ] && [ -e "$log" ]; then
			tail -n "${REPORT_LINES:-30}" "$log" | sed 's/^/    | /'
			echo "    whole log: $log"
		fi
	} > "$RESULTS.$BASHPID"
	cat "$RESULTS.$BASHPID"
	rm -f "$RESULTS.$BASHPID"
	printf '%d %d %s %s\n' "$passed" "$failed" "$name" "$log" >> "$RESULTS"
	[ -z "$seconds" ] || echo "$seconds $name" >> "$TIMES"
}
