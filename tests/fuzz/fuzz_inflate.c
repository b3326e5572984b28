/* A body as it comes from the wire. The first byte chooses the announcement, the second the size of the pieces. */
#include <stdint.h>
#include <stdlib.h>

#include <sofs/net.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_OUT (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static struct inflater *inf;
	struct strbuf out = STRBUF_INIT;
	size_t piece;
	int r = 0;

	if (!inf)
		inf = inflater_new();
	if (!inf || size < 2)
		return 0;
	inflater_reset(inf, (enum inflate_encoding)(data[0] % 3));
	piece = data[1] + 1u;
	for (size_t i = 2; r == 0 && i < size; i += piece)
		r = inflater_feed(inf, data + i, size - i < piece ? size - i : piece, &out,
				  MAX_OUT);
	if (r == 0)
		r = inflater_finish(inf, &out, MAX_OUT);
	if (r == 0 && out.len > MAX_OUT)
		abort();
	strbuf_release(&out);
	return 0;
}
