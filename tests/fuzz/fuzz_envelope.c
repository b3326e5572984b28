/* A response body, up to the decoded items: what leaves the envelope must be JSON that the decoders can take, in
 * bounds of the body. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "envelope.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_item(const struct api_item *item)
{
	char *copy = malloc(item->len + 1);
	struct question *q = NULL;
	struct failure f;

	if (!copy)
		return;
	memcpy(copy, item->json, item->len);
	copy[item->len] = '\0';
	if (json_check(copy, item->len))
		abort();
	free(copy);
	if (api_decode_question(item->json, item->len, true, &q, &f) == 0)
		question_free(q);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *body = malloc(size + 1);
	const char *reason = "";
	struct envelope env;

	if (!body)
		return 0;
	memcpy(body, data, size);
	body[size] = '\0';
	if (envelope_parse(&env, body, size, &reason) == 0) {
		for (size_t i = 0; i < env.nr_items; i++) {
			if (env.items[i].json < body ||
			    env.items[i].json + env.items[i].len > body + size)
				abort();
			try_item(&env.items[i]);
		}
		envelope_release(&env);
	}
	free(body);
	return 0;
}
