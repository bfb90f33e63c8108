# SPDX-License-Identifier: Apache-2.0
# common.sh - sourced by each rule: what it looks at and how it tells.
#
# Runs in the top folder of the sources.  A rule prints "ok NAME" or
# "not ok NAME", the latter with the offending lines below it.

# files PATTERN...: tracked files; in an unpacked release, those there are.
files() {
	if git rev-parse --git-dir >/dev/null 2>&1; then
		git ls-files -- "$@"
	else
		for pattern; do
			find . -path ./build -prune -o -type f \
				-name "$pattern" -print
		done | sed 's,^\./,,' | sort -u
	fi
}

# verdict NAME: reads the offending lines.
verdict() {
	offending=$(cat)
	if [ -z "$offending" ]; then
		echo "ok $1"
	else
		echo "not ok $1"
		printf '%s\n' "$offending" | head -n 40 | sed 's/^/  /'
	fi
}

# code FILE...: the files with comments and the text of strings blanked, as
# FILE:LINE:TEXT, so that a rule about code does not trip over words.
code() {
	awk '
	FNR == 1 { comment = 0 }
	{
		out = ""
		line = $0
		gsub(/\\./, "__", line)
		if (!comment)
			gsub(/"[^"]*"/, "\"\"", line)
		while (line != "") {
			if (comment) {
				at = index(line, "*/")
				if (!at)
					break
				line = substr(line, at + 2)
				comment = 0
				continue
			}
			at = index(line, "/*")
			slash = index(line, "//")
			if (slash && (!at || slash < at)) {
				out = out substr(line, 1, slash - 1)
				break
			}
			if (!at) {
				out = out line
				break
			}
			out = out substr(line, 1, at - 1)
			line = substr(line, at + 2)
			comment = 1
		}
		print FILENAME ":" FNR ":" out
	}' "$@"
}
