/* meta.json: everything that the server said about a thread, without the texts. */
#pragma once

#include <cjson/cJSON.h>
#include <sofs/base/strbuf.h>

/* Appends the text for a question's tree whose lists are sorted and whose strings are clean. Keys in a
 * fixed order, 2 spaces per level, a final newline. */
void meta_print(struct strbuf *sb, const cJSON *question);
