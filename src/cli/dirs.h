/* Where things of this user are: home, configuration, cache, run-time directory. */
#pragma once

#include <sys/types.h>

#include <sofs/base/cleanup.h>
#include <sofs/base/errors.h>

/* All return a malloc'd absolute path (caller frees) or NULL if there is none. Nothing is created. */
char *dirs_home(void);
char *dirs_config_file(void); /* $XDG_CONFIG_HOME/sofs/config */
char *dirs_cache(void);       /* $XDG_CACHE_HOME/sofs */

/* The places where the control sockets of a user's mounts can be, best first: our own environment's, then what the
 * system and we ourselves would choose without one. `which` counts from 0; NULL at the end. */
char *dirs_runtime(uid_t uid, unsigned which);
/* Makes the first of ours that can be made and is private. 0, or -errno with a sentence in *failure. */
_must_check_ int dirs_make_runtime(char **ret, struct failure *failure);
