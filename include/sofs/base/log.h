/* The log: lines `level component: sentence key=value`. Safe from any thread.
 *
 * Components are room names. A token registered with log_set_secret() is replaced by `***` wherever
 * it would appear, as a second line of defence: nothing is meant to log it in the first place. */
#pragma once

#include <stdbool.h>

#include <sofs/base/cleanup.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };
enum log_target { LOG_TO_STDERR, LOG_TO_SYSLOG, LOG_TO_FILE };

void log_set_level(enum log_level level);
enum log_level log_get_level(void);
/* `path` only for LOG_TO_FILE (appended, created 0600). 0 or -errno with the target unchanged. */
_must_check_ int log_set_target(enum log_target target, const char *path);
void log_set_secret(const char *secret); /* copied; NULL forgets it */
/* Does the same to a text that goes elsewhere than to the log: in place, it never grows. */
void log_hide_secret(char *text);
void log_write(enum log_level level, const char *component, const char *fmt, ...) _printf_(3, 4);

#define log_error(component, ...)   log_write(LOG_LEVEL_ERROR, component, __VA_ARGS__)
#define log_warning(component, ...) log_write(LOG_LEVEL_WARNING, component, __VA_ARGS__)
#define log_info(component, ...)    log_write(LOG_LEVEL_INFO, component, __VA_ARGS__)
#define log_debug(component, ...)                                           \
	do {                                                                \
		if (log_get_level() >= LOG_LEVEL_DEBUG)                     \
			log_write(LOG_LEVEL_DEBUG, component, __VA_ARGS__); \
	} while (0)
