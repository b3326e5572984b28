/* Immutable, reference-counted bytes: the content of a file in one version.
 * References may be taken and dropped from any thread. */
#pragma once

#include <stdatomic.h>
#include <stddef.h>

#include <sofs/base/cleanup.h>

struct blob {
	atomic_uint refs;
	size_t size; /* bytes */
	char data[]; /* size bytes, then a NUL that is not content */
};

/* A copy of the bytes with one reference (caller drops it with blob_unref), or NULL without memory. */
struct blob *blob_new(const void *data, size_t size);
struct blob *blob_ref(struct blob *b);
void blob_unref(struct blob *b); /* NULL is fine */
static inline void blob_unrefp(struct blob **b)
{
	blob_unref(*b);
}
