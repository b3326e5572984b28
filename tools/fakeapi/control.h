/* The control interface. Its operations on data are in control_data.c. */
#pragma once

#include "data.h"

#include <cjson/cJSON.h>

/* One operation, or an array of them. Adds its results to out (an object); returns NULL or what is
 * wrong (static text). Takes data->lock itself. */
const char *control_data(struct data *d, const cJSON *op, int64_t now_s, int64_t default_user,
			 cJSON *out);

/* All of one kind as JSON Lines in the shape of the corpus: questions, tags, users, articles. */
bool control_dump(struct data *d, const char *what, struct buf *out);
