/* Bytes as an item, as they come from the disk store too: not checked by anybody before. What is decoded must be
 * in order, and its meta.json must be JSON. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <sofs/api.h>

#include "json.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check(struct question *q)
{
	if (q->id < 1 || !q->title || !q->markdown || !q->meta_json)
		abort();
	for (size_t i = 1; i < q->nr_answers; i++)
		if (q->answers[i].id <= q->answers[i - 1].id)
			abort();
	for (size_t i = 0; i < q->nr_comments; i++)
		if (q->comments[i].id < 1 || !q->comments[i].markdown)
			abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	for (int is_encoded = 0; is_encoded < 2; is_encoded++) {
		struct question *q = NULL;
		struct tag t = { 0 };
		struct failure f;
		const char *reason;

		if (api_decode_question((const char *)data, size, is_encoded, &q, &f) == 0) {
			check(q);
			reason = json_check(q->meta_json, strlen(q->meta_json));
			/* The decoder takes what is deeper; only a page is bounded. */
			if (reason && strcmp(reason, "nested too deeply") != 0)
				abort();
			question_free(q);
		} else if (f.err == 0 || !f.text[0]) {
			abort();
		}
		if (api_decode_tag((const char *)data, size, is_encoded, &t, &f) == 0)
			tag_release(&t);
	}
	return 0;
}
