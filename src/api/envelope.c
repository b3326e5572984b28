#include "envelope.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

/* An object where one is expected, anything else is not an item. */
static int cut_items(struct envelope *env, struct json_slice array)
{
	size_t nr = json_count(array);
	struct json_iter it = json_elements(array);
	struct json_slice value;

	env->has_items = *array.s == '[';
	if (!nr)
		return 0;
	free(env->items); /* a second member of that name */
	env->nr_items = 0;
	env->items = calloc(nr, sizeof(*env->items));
	if (!env->items)
		return -ENOMEM;
	while (json_next_element(&it, &value)) {
		if (*value.s == '{')
			env->items[env->nr_items++] = (struct api_item){ value.s, value.len };
		else
			env->nr_dropped++;
	}
	return 0;
}

static int read_member(struct envelope *env, struct json_slice key, struct json_slice value)
{
	int64_t n;

	if (json_key_is(key, "items"))
		return cut_items(env, value);
	if (json_key_is(key, "has_more"))
		env->has_more = json_to_bool(value);
	else if (json_key_is(key, "total") && json_to_int(value, &n) && n >= 0)
		env->total = n;
	else if (json_key_is(key, "quota_max") && json_to_int(value, &n) && n >= 0)
		env->quota_max = n;
	else if (json_key_is(key, "quota_remaining"))
		env->has_quota = json_to_int(value, &env->quota_remaining);
	else if (json_key_is(key, "backoff") && json_to_int(value, &n) && n > 0)
		env->backoff_s = n;
	else if (json_key_is(key, "error_id"))
		/* Not a number is an error all the same, of no known kind. */
		env->error_id = json_to_int(value, &n) && n ? n : *value.s == 'n' ? 0 : -1;
	else if (json_key_is(key, "error_name"))
		json_to_text(value, env->error_name, sizeof(env->error_name));
	else if (json_key_is(key, "error_message"))
		json_to_text(value, env->error_message, sizeof(env->error_message));
	return 0;
}

int envelope_parse(struct envelope *env, char *body, size_t len, const char **reason)
{
	struct json_slice key, value;
	struct json_iter it;

	*env = (struct envelope){ .total = -1, .quota_max = -1 };
	if (len >= 3 && memcmp(body, "\xef\xbb\xbf", 3) == 0) {
		body += 3;
		len -= 3;
	}
	while (len && strchr(" \n\r\t", *body) && *body) {
		body++;
		len--;
	}
	if (!len || *body != '{') {
		*reason = !len ? "an empty answer" : *body == '<' ? "HTML" : "not a JSON object";
		return -EBADMSG;
	}
	*reason = json_check(body, len);
	if (*reason)
		return -EBADMSG;
	it = json_members((struct json_slice){ body, len });
	while (json_next_member(&it, &key, &value)) {
		int r = read_member(env, key, value);

		if (r < 0) {
			envelope_release(env);
			return r;
		}
	}
	return 0;
}

void envelope_release(struct envelope *env)
{
	free(env->items);
	env->items = NULL;
	env->nr_items = 0;
}
