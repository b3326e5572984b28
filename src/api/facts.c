#include "facts.h"

#include <stdio.h>
#include <string.h>

#include <cjson/cJSON.h>
#include <sofs/base/atomicfile.h>
#include <sofs/base/log.h>

#define MAX_FILE_BYTES  (256 << 10)
#define MAX_EXACT       9007199254740992.0
#define FACTS_VERSION   1
#define MAX_NR_BACKOFFS THROTTLE_METHODS

static cJSON *read_file(const char *path)
{
	struct strbuf sb = STRBUF_INIT;
	cJSON *root = NULL;

	if (atomicfile_read(path, MAX_FILE_BYTES, &sb) == 0 && sb.len)
		root = cJSON_ParseWithLength(sb.buf, sb.len);
	strbuf_release(&sb);
	if (root && cJSON_GetNumberValue(cJSON_GetObjectItemCaseSensitive(root, "version")) ==
			    FACTS_VERSION)
		return root;
	cJSON_Delete(root);
	return NULL;
}

static void get_text(const cJSON *o, const char *name, char *buf, size_t size)
{
	const char *s = cJSON_GetStringValue(cJSON_GetObjectItemCaseSensitive(o, name));

	if (s && strlen(s) < size)
		memcpy(buf, s, strlen(s) + 1);
}

static int64_t to_time(const cJSON *n)
{
	double d = cJSON_IsNumber(n) ? n->valuedouble : 0;

	return d > 0 && d < MAX_EXACT ? (int64_t)d : 0;
}

static enum api_style style_of(const char *s)
{
	if (strcmp(s, "query") == 0)
		return API_STYLE_QUERY;
	return strcmp(s, "path") == 0 ? API_STYLE_PATH : API_STYLE_AUTO;
}

void facts_load(const char *path, const char *server, struct facts *ret)
{
	char buf[32] = "";
	const cJSON *o, *n;
	cJSON *root;
	size_t i = 0;

	*ret = (struct facts){ .style = API_STYLE_AUTO };
	root = read_file(path);
	if (!root)
		return;
	o = cJSON_GetObjectItemCaseSensitive(root, "servers");
	o = o ? cJSON_GetObjectItemCaseSensitive(o, server) : NULL;
	if (o) {
		get_text(o, "style", buf, sizeof(buf));
		ret->style = style_of(buf);
		get_text(o, "prefix", ret->prefix, sizeof(ret->prefix));
		get_text(o, "filter", ret->filter, sizeof(ret->filter));
		buf[0] = '\0';
		get_text(o, "filter_fields", buf, sizeof(buf));
		ret->filter_fields = strtoull(buf, NULL, 16);
		ret->is_filter_safe =
			cJSON_IsTrue(cJSON_GetObjectItemCaseSensitive(o, "filter_safe"));
		ret->ban_until_s = to_time(cJSON_GetObjectItemCaseSensitive(o, "ban_until"));
		ret->quota_until_s = to_time(cJSON_GetObjectItemCaseSensitive(o, "quota_until"));
		ret->sent_at_ms = to_time(cJSON_GetObjectItemCaseSensitive(o, "sent_at_ms"));
		ret->nr_sent = (unsigned)to_time(cJSON_GetObjectItemCaseSensitive(o, "sent"));
		cJSON_ArrayForEach(n, cJSON_GetObjectItemCaseSensitive(o, "backoff_until"))
		{
			if (i < MAX_NR_BACKOFFS)
				ret->backoff_until_s[i++] = to_time(n);
		}
	}
	cJSON_Delete(root);
}

static cJSON *to_json(const struct facts *f)
{
	cJSON *o = cJSON_CreateObject(), *list;
	char hash[32];

	cJSON_AddStringToObject(o, "style",
				f->style == API_STYLE_QUERY  ? "query"
				: f->style == API_STYLE_PATH ? "path"
							     : "");
	cJSON_AddStringToObject(o, "prefix", f->prefix);
	cJSON_AddStringToObject(o, "filter", f->filter);
	snprintf(hash, sizeof(hash), "%016llx", (unsigned long long)f->filter_fields);
	cJSON_AddStringToObject(o, "filter_fields", hash);
	cJSON_AddBoolToObject(o, "filter_safe", f->is_filter_safe);
	cJSON_AddNumberToObject(o, "ban_until", (double)f->ban_until_s);
	cJSON_AddNumberToObject(o, "quota_until", (double)f->quota_until_s);
	cJSON_AddNumberToObject(o, "sent_at_ms", (double)f->sent_at_ms);
	cJSON_AddNumberToObject(o, "sent", f->nr_sent);
	list = cJSON_AddArrayToObject(o, "backoff_until");
	for (size_t i = 0; list && i < MAX_NR_BACKOFFS; i++)
		cJSON_AddItemToArray(list, cJSON_CreateNumber((double)f->backoff_until_s[i]));
	return o;
}

void facts_save(const char *path, const char *server, const struct facts *f)
{
	cJSON *root = read_file(path), *servers;
	char *text;
	int r;

	if (!root) {
		root = cJSON_CreateObject();
		cJSON_AddNumberToObject(root, "version", FACTS_VERSION);
	}
	servers = cJSON_GetObjectItemCaseSensitive(root, "servers");
	if (!cJSON_IsObject(servers)) {
		cJSON_DeleteItemFromObjectCaseSensitive(root, "servers");
		servers = cJSON_AddObjectToObject(root, "servers");
	}
	cJSON_DeleteItemFromObjectCaseSensitive(servers, server);
	cJSON_AddItemToObject(servers, server, to_json(f));
	text = cJSON_Print(root);
	cJSON_Delete(root);
	if (!text)
		return;
	r = atomicfile_write(path, text, strlen(text));
	cJSON_free(text);
	if (r < 0)
		log_warning("api", "what is known of the server is not remembered: %s path=%s",
			    strerror(-r), path);
}
