/* SPDX-License-Identifier: Apache-2.0 */
#include <config.h>

#include "ctl/ctl.h"

#include <stdio.h>
#include <string.h>

#define CELL_MAX 1100u

static void cell_join(char *out, const json_t *array)
{
	const json_t *item;
	size_t i, len = 0;

	out[0] = '\0';
	json_array_foreach((json_t *)array, i, item) {
		if (len < CELL_MAX)
			len += snprintf(out + len, CELL_MAX - len, "%s%s",
					i ? "," : "", json_string_value(item) ?
					json_string_value(item) : "?");
	}
}

static void cell_write(char *out, const json_t *value)
{
	if (json_is_string(value))
		snprintf(out, CELL_MAX, "%s", json_string_value(value));
	else if (json_is_integer(value))
		snprintf(out, CELL_MAX, "%" JSON_INTEGER_FORMAT,
			 json_integer_value(value));
	else if (json_is_boolean(value))
		snprintf(out, CELL_MAX, "%s",
			 json_is_true(value) ? "yes" : "no");
	else if (json_is_array(value))
		cell_join(out, value);
	else
		out[0] = '\0';
	if (!out[0])
		snprintf(out, CELL_MAX, "-");
}

static void row_print(const struct ctl_column *columns, size_t count,
		      const size_t *widths, const json_t *row)
{
	char cell[CELL_MAX];

	for (size_t i = 0; i < count; i++) {
		if (row)
			cell_write(cell, json_object_get(row,
							 columns[i].member));
		else
			snprintf(cell, sizeof(cell), "%s", columns[i].title);
		if (i + 1 == count && !columns[i].right)
			printf("%s\n", cell);	/* no blanks at the end */
		else
			printf("%*s%s", columns[i].right ? (int)widths[i] :
			       -(int)widths[i], cell,
			       i + 1 == count ? "\n" : "  ");
	}
}

void ctl_table_print(const struct ctl_column *columns, size_t count,
		     const json_t *rows)
{
	size_t widths[16] = { 0 }, r;
	char cell[CELL_MAX];
	const json_t *row;

	for (size_t i = 0; i < count; i++) {
		widths[i] = strlen(columns[i].title);
		json_array_foreach((json_t *)rows, r, row) {
			cell_write(cell, json_object_get(row,
							 columns[i].member));
			if (strlen(cell) > widths[i])
				widths[i] = strlen(cell);
		}
	}
	row_print(columns, count, widths, NULL);
	json_array_foreach((json_t *)rows, r, row)
		row_print(columns, count, widths, row);
}
