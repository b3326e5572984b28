/* A packed record as it comes from the disk; and the bytes packed and unpacked again. */
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "pack.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

#define MAX_OUT (1 << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf packed = STRBUF_INIT, out = STRBUF_INIT;

	if (json_unpack(data, size, &out, MAX_OUT) == 0 && out.len > MAX_OUT)
		abort();
	strbuf_reset(&out);
	if (json_pack(data, size, &packed) == 0) {
		if (json_unpack(packed.buf, packed.len, &out, size) < 0 || out.len != size ||
		    (size && memcmp(out.buf, data, size) != 0))
			abort();
	}
	strbuf_release(&packed);
	strbuf_release(&out);
	return 0;
}
