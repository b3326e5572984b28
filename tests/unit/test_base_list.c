#include <check.h>
#include <stdlib.h>

#include <sofs/base/list.h>
#include <sofs/base/strbuf.h>

struct item {
	int before; /* so that the node is not at offset 0 */
	char name;
	struct list node;
};

/* The names in order, checked in both directions. */
static void check_order(struct list *head, const char *want)
{
	struct strbuf sb = STRBUF_INIT;
	size_t n = 0;

	list_for_each (pos, head)
		strbuf_addch(&sb, list_entry(pos, struct item, node)->name);
	ck_assert_str_eq(strbuf_str(&sb), want);
	for (struct list *pos = head->prev; pos != head; pos = pos->prev)
		ck_assert_int_eq(list_entry(pos, struct item, node)->name, want[sb.len - ++n]);
	ck_assert_uint_eq(n, sb.len);
	strbuf_release(&sb);
}

START_TEST(pushing_and_taking_out)
{
	struct item a = { .name = 'a' }, b = { .name = 'b' }, c = { .name = 'c' };
	struct list head;

	list_init(&head);
	ck_assert(list_empty(&head));
	check_order(&head, "");
	list_push_back(&head, &b.node);
	list_push_back(&head, &c.node);
	list_push_front(&head, &a.node);
	check_order(&head, "abc");
	list_del(&b.node);
	check_order(&head, "ac");
	list_del(&b.node); /* does nothing */
	check_order(&head, "ac");
	list_del(&a.node);
	list_del(&c.node);
	ck_assert(list_empty(&head));
}
END_TEST

START_TEST(splicing_moves_everything_to_the_end)
{
	struct item a = { .name = 'a' }, b = { .name = 'b' }, c = { .name = 'c' };
	struct list to, from;

	list_init(&to);
	list_init(&from);
	list_splice(&to, &from);
	ck_assert(list_empty(&to));

	list_push_back(&from, &a.node);
	list_push_back(&from, &b.node);
	list_splice(&to, &from);
	check_order(&to, "ab");
	ck_assert(list_empty(&from));

	list_push_back(&from, &c.node);
	list_splice(&to, &from);
	check_order(&to, "abc");
	list_splice(&to, &from);
	check_order(&to, "abc");
}
END_TEST

START_TEST(a_safe_walk_may_take_out_what_it_visits)
{
	struct item items[5];
	struct list head;
	int seen = 0;

	list_init(&head);
	for (size_t i = 0; i < ARRAY_SIZE(items); i++) {
		items[i].name = (char)('0' + i);
		list_push_back(&head, &items[i].node);
	}
	list_for_each_safe (pos, tmp, &head) {
		struct item *it = list_entry(pos, struct item, node);

		seen++;
		if (it->name != '2')
			list_del(pos);
	}
	ck_assert_int_eq(seen, 5);
	check_order(&head, "2");
	list_for_each_safe (pos, tmp, &head)
		list_del(pos);
	check_order(&head, "");
}
END_TEST

static Suite *base_list_suite(void)
{
	Suite *s = suite_create("base_list");
	TCase *tc = tcase_create("base_list");

	tcase_add_test(tc, pushing_and_taking_out);
	tcase_add_test(tc, splicing_moves_everything_to_the_end);
	tcase_add_test(tc, a_safe_walk_may_take_out_what_it_visits);
	suite_add_tcase(s, tc);
	return s;
}

int main(void)
{
	SRunner *sr = srunner_create(base_list_suite());
	int nr_failed;

	srunner_run_all(sr, CK_ENV);
	nr_failed = srunner_ntests_failed(sr);
	srunner_free(sr);
	return nr_failed ? EXIT_FAILURE : EXIT_SUCCESS;
}
