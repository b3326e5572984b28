/* The texts of a question: rendered all together into one blob, of which each file is a piece.
 *
 * Rendering is a pure function of the JSON, so pieces keep their place when an evicted blob is made again. */
#include <errno.h>
#include <string.h>

#include <sofs/text.h>

#include "internal.h"

void texts_release(struct texts *t)
{
	blob_unref(t->blob);
	free(t->files);
	*t = (struct texts){ 0 };
}

struct render {
	struct strbuf sb;
	struct file *files;
	uint32_t nr;
};

static void begin_file(struct render *r, enum file_kind kind, int64_t post_id, int64_t mtime_s)
{
	r->files[r->nr] = (struct file){
		.kind = (uint8_t)kind,
		.post_id = post_id,
		.mtime_s = mtime_s,
		.off = (uint32_t)r->sb.len,
	};
}

static void end_file(struct render *r)
{
	struct file *f = &r->files[r->nr++];

	f->size = (uint32_t)(r->sb.len - f->off);
	f->hash = r->sb.buf ? hash_content(HASH_SEED, r->sb.buf + f->off, f->size) : HASH_SEED;
}

static int64_t newest_comment(const struct comment *c, size_t nr)
{
	int64_t newest = 0;

	for (size_t i = 0; i < nr; i++)
		if (c[i].created_s > newest)
			newest = c[i].created_s;
	return newest;
}

static void render_comments(struct render *r, enum file_kind kind, int64_t post_id,
			    const struct comment *c, size_t nr)
{
	if (!nr)
		return;
	begin_file(r, kind, post_id, newest_comment(c, nr));
	text_render_comments(&r->sb, c, nr);
	end_file(r);
}

int texts_render(const struct question *q, struct texts *ret)
{
	struct render r = { .sb = STRBUF_INIT };
	int err = -ENOMEM;

	r.files = calloc(3 + 2 * q->nr_answers, sizeof(*r.files));
	if (!r.files)
		return -ENOMEM;
	begin_file(&r, FILE_BODY, q->id, q->edited_s ? q->edited_s : q->created_s);
	text_render_body(&r.sb, q);
	end_file(&r);
	begin_file(&r, FILE_META, q->id, q->activity_s);
	strbuf_adds(&r.sb, q->meta_json);
	end_file(&r);
	render_comments(&r, FILE_COMMENTS, q->id, q->comments, q->nr_comments);
	for (size_t i = 0; i < q->nr_answers; i++) {
		const struct answer *a = &q->answers[i];

		begin_file(&r, FILE_ANSWER, a->id, a->edited_s ? a->edited_s : a->created_s);
		text_render_answer(&r.sb, a);
		end_file(&r);
		render_comments(&r, FILE_ANSWER_COMMENTS, a->id, a->comments, a->nr_comments);
		if (r.sb.len > UINT32_MAX / 2) {
			err = -EFBIG;
			goto fail;
		}
	}
	if (strbuf_failed(&r.sb))
		goto fail;
	ret->blob = blob_new(r.sb.buf, r.sb.len);
	if (!ret->blob)
		goto fail;
	strbuf_release(&r.sb);
	ret->files = r.files;
	ret->nr_files = r.nr;
	return 0;
fail:
	strbuf_release(&r.sb);
	free(r.files);
	return err;
}

int texts_rebuild(struct store *st, int64_t id, struct texts *ret)
{
	_cleanup_(strbuf_release) struct strbuf json = STRBUF_INIT;
	_cleanup_(question_freep) struct question *q = NULL;
	struct failure failure;
	unsigned flags = 0;
	int r;

	r = backing_get(st->backing, id, &json, &flags);
	if (r < 0)
		return r;
	r = api_decode_question(json.buf, json.len, flags & BACKING_ENCODED, &q, &failure);
	if (r < 0)
		return r;
	return texts_render(q, ret);
}

static size_t texts_cost(const struct blob *b)
{
	return sizeof(*b) + b->size + 17;
}

void texts_drop_locked(struct store *st, struct entry *e)
{
	if (!e->texts)
		return;
	st->rendered_bytes -= texts_cost(e->texts);
	list_del(&e->lru);
	blob_unref(e->texts);
	e->texts = NULL;
}

/* What the compressed JSON does not use of `memory` may be used by rendered texts; the newest one stays in any case,
 * or a question larger than the bound could never be read. */
void texts_keep_locked(struct store *st, struct entry *e, struct blob *blob)
{
	size_t packed = backing_bytes(st->backing);
	size_t limit = st->config.memory_bytes > packed ? st->config.memory_bytes - packed : 0;

	texts_drop_locked(st, e);
	e->texts = blob_ref(blob);
	list_push_front(&st->lru, &e->lru);
	st->rendered_bytes += texts_cost(blob);
	while (st->rendered_bytes > limit && st->lru.prev != &e->lru) {
		texts_drop_locked(st, list_entry(st->lru.prev, struct entry, lru));
		st->nr_evictions++;
	}
}

void texts_touch_locked(struct store *st, struct entry *e)
{
	list_del(&e->lru);
	list_push_front(&st->lru, &e->lru);
}
