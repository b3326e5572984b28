/* The filter: which fields of which types the server sends (api-v2.3, "Filters").
 *
 * One for everything, unsafe (strings as they are, not encoded for HTML), made once for each server and
 * remembered. The method needs neither team nor token, and first-party clients send none, so neither do
 * we where the URL does not name the team; a server that insists gets them in a second attempt. */
#include "internal.h"

#include <errno.h>
#include <string.h>

#include <sofs/base/clock.h>
#include <sofs/base/log.h>
#include <sofs/base/map.h>

static const char fields[] =
	".backoff;.error_id;.error_message;.error_name;.has_more;.items;.quota_max;.quota_"
	"remaining;"
	"question.question_id;question.title;question.tags;question.body_markdown;question.owner;"
	"question.last_editor;question.creation_date;question.last_activity_date;"
	"question.last_edit_date;question.score;question.view_count;question.answer_count;"
	"question.accepted_answer_id;question.is_answered;question.closed_date;"
	"question.closed_reason;question.link;question.share_link;question.comment_count;"
	"question.comments;question.answers;question.content_license;"
	"answer.answer_id;answer.question_id;answer.body_markdown;answer.owner;answer.last_editor;"
	"answer.creation_date;answer.last_activity_date;answer.last_edit_date;answer.score;"
	"answer.is_accepted;answer.comment_count;answer.comments;answer.link;answer.share_link;"
	"answer.content_license;"
	"comment.comment_id;comment.post_id;comment.post_type;comment.body_markdown;comment.owner;"
	"comment.reply_to_user;comment.creation_date;comment.score;comment.edited;comment.link;"
	"comment.content_license;"
	"shallow_user.user_id;shallow_user.display_name;shallow_user.user_type;"
	"shallow_user.reputation;shallow_user.link;"
	"user.user_id;user.display_name;user.user_type;user.reputation;user.link;"
	"tag.name;tag.count;"
	"write_permission.user_id;write_permission.object_type;write_permission.can_add;"
	"write_permission.can_edit;write_permission.can_delete;write_permission.max_daily_actions;"
	"write_permission.min_seconds_between_actions";

#define NEEDED_FIELD "question.body_markdown"

uint64_t filter_fields_hash(void)
{
	return hash_bytes(HASH_SEED, fields, sizeof(fields) - 1);
}

struct creation {
	struct api *api;
	struct endpoint endpoint;
	bool is_anonymous;
	request_done_fn done; /* may be NULL */
	void *userdata;
};

static void read_field(struct json_slice key, struct json_slice value, struct filter *f,
		       bool *is_incomplete)
{
	char type[16];

	if (json_key_is(key, "filter")) {
		json_to_text(value, f->id, sizeof(f->id));
	} else if (json_key_is(key, "filter_type")) {
		json_to_text(value, type, sizeof(type));
		f->is_safe = strcmp(type, "safe") == 0;
		if (strcmp(type, "invalid") == 0)
			*is_incomplete = true;
	} else if (json_key_is(key, "included_fields") && value.len > 2) {
		if (!memmem(value.s, value.len, "\"" NEEDED_FIELD "\"", sizeof(NEEDED_FIELD) + 1))
			*is_incomplete = true;
	}
}

static bool read_filter(const struct envelope *env, struct filter *f)
{
	struct json_slice key, value;
	struct json_iter it;
	bool is_incomplete = false;

	if (!env->nr_items)
		return false;
	it = json_members((struct json_slice){ env->items[0].json, env->items[0].len });
	while (json_next_member(&it, &key, &value))
		read_field(key, value, f, &is_incomplete);
	if (is_incomplete)
		log_warning("api",
			    "the server's filter lacks fields that were asked for; texts may be "
			    "missing filter=%s",
			    f->id);
	/* One that was cut to the size of the buffer would never work. */
	return f->id[0] && strlen(f->id) < sizeof(f->id) - 1;
}

static bool wants_credentials(const struct outcome *o)
{
	return o->kind == OUTCOME_TOKEN || o->error_id == 400 || o->error_id == 403;
}

static void conclude(struct creation *c, const struct outcome *failure, struct reply *reply)
{
	if (c->done)
		c->done(c->userdata, failure, reply);
	free(c);
}

static void created(void *userdata, const struct outcome *failure, struct reply *reply)
{
	struct creation *c = userdata;
	struct api *api = c->api;
	struct filter f = { 0 };
	struct outcome bad = { .kind = OUTCOME_REFUSED };

	if (failure && c->is_anonymous && wants_credentials(failure) && (api->token || api->team)) {
		if (filter_create(api, &c->endpoint, false, c->done, c->userdata) == 0) {
			free(c);
			return;
		}
	}
	if (!failure && !read_filter(reply->env, &f)) {
		failure_set(&bad.failure, -EIO,
			    "the server made no usable filter: an unsupported server");
		failure = &bad;
	}
	api_lock(api);
	api->filter.is_creating = false;
	if (!failure) {
		f.generation = api->filter.generation + 1;
		api->filter = f;
		api->is_facts_dirty = true;
		if (f.is_safe)
			log_info("api", "the server encodes strings for HTML; they are decoded");
	}
	api_unlock(api);
	conclude(c, failure, failure ? NULL : reply);
}

int filter_create(struct api *api, const struct endpoint *endpoint, bool is_anonymous,
		  request_done_fn done, void *userdata)
{
	struct strbuf path = STRBUF_INIT, params = STRBUF_INIT, form = STRBUF_INIT;
	struct creation *c = calloc(1, sizeof(*c));
	struct request *r;
	int err;

	strbuf_adds(&path, "/filters/create");
	strbuf_adds(&form, "base=none&unsafe=true&include=");
	net_add_escaped(&form, fields);
	r = request_new(METHOD_FILTERS, &path, &params);
	if (r)
		r->form = strbuf_detach(&form);
	strbuf_release(&form);
	if (!c || !r || !r->form) {
		free(c);
		request_free(r);
		return -ENOMEM;
	}
	*c = (struct creation){ .api = api,
				.endpoint = *endpoint,
				.is_anonymous = is_anonymous,
				.done = done,
				.userdata = userdata };
	r->has_endpoint = true;
	r->endpoint = *endpoint;
	r->is_anonymous = is_anonymous && endpoint->style != API_STYLE_PATH;
	c->is_anonymous = r->is_anonymous;
	r->is_forced = true;
	r->deadline_ms = clock_mono_ms() + api->timeout_ms;
	r->done = created;
	r->userdata = c;
	err = client_submit(api, r, NULL);
	if (err < 0)
		free(c);
	return err;
}
